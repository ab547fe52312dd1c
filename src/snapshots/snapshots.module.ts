import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccountSnapshot } from './account-snapshot.entity.js';
import { AccountSnapshots } from './account-snapshots.js';

@Module({
  imports: [TypeOrmModule.forFeature([AccountSnapshot])],
  providers: [AccountSnapshots],
  exports: [AccountSnapshots],
})
export class SnapshotsModule {}
