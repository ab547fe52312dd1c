import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { PlatformsModule } from '../platforms/platforms.module.js';
import { SnapshotsModule } from '../snapshots/snapshots.module.js';
import { ActivitiesService } from './activities.service.js';
import { PlatformActivityDay } from './activity-day.entity.js';
import { PlatformActivityTotal } from './activity-total.entity.js';
import { PlatformActivity } from './activity.entity.js';
import { StatsController } from './stats.controller.js';
import { StatsService } from './stats.service.js';

@Module({
  imports: [
    TypeOrmModule.forFeature([PlatformActivity, PlatformActivityTotal, PlatformActivityDay]),
    PlatformsModule,
    SnapshotsModule,
  ],
  controllers: [StatsController],
  providers: [StatsService, ActivitiesService],
})
export class StatsModule {}
