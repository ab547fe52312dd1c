import { Logger, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AppConfig } from '../config/app-config.js';
import { CredentialsModule } from '../credentials/credentials.module.js';
import { InstancesModule } from '../instances/instances.module.js';
import { NoticesModule } from '../notices/notices.module.js';
import { PlatformsModule } from '../platforms/platforms.module.js';
import { SnapshotsModule } from '../snapshots/snapshots.module.js';
import { ConnectionNotices } from './connection-notices.js';
import { InstanceWatch } from './instance-watch.entity.js';
import { LocalRounds } from './local-rounds.js';
import { PlatformWatch } from './platform-watch.entity.js';
import { WatchForecast } from './watch-forecast.js';
import { WatchMeter } from './watch-meter.js';
import { WatchRounds } from './watch-rounds.js';
import { WatchRunner } from './watch-runner.js';
import { WatchSchedule } from './watch-schedule.js';
import { Watcher } from './watcher.js';

@Module({
  imports: [
    TypeOrmModule.forFeature([PlatformWatch, InstanceWatch]),
    CredentialsModule,
    InstancesModule,
    NoticesModule,
    PlatformsModule,
    SnapshotsModule,
  ],
  providers: [
    ConnectionNotices,
    WatchForecast,
    WatchMeter,
    WatchSchedule,
    Watcher,
    {
      provide: WatchRounds,
      inject: [AppConfig, Watcher],
      useFactory: async ({ redis, watch }: AppConfig, watcher: Watcher): Promise<WatchRounds> => {
        const options = { roundMs: watch.roundSeconds * 1000, concurrency: watch.concurrency };
        if (redis === null || !watch.enabled) return new LocalRounds(watcher, options);
        // Loaded here: BullMQ is a tenth of what a process loads.
        const { QueuedRounds } = await import('./queued-rounds.js');
        return new QueuedRounds(redis.target, redis.keyPrefix, watcher, options, new Logger('Watcher'));
      },
    },
    WatchRunner,
  ],
  exports: [WatchForecast, WatchMeter],
})
export class WatchModule {}
