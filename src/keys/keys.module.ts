import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { KeyRing } from '../crypto/key-ring.js';
import { Database } from '../database/database.js';
import { BootCanary } from './boot-canary.js';
import { KeyCanary } from './key-canary.entity.js';
import { KeyRotationRecord } from './key-rotation-record.entity.js';
import { KeyRotation } from './key-rotation.js';
import { RotationRecord } from './rotation-record.js';

@Global()
@Module({
  imports: [TypeOrmModule.forFeature([KeyCanary, KeyRotationRecord])],
  providers: [
    {
      provide: BootCanary,
      inject: [Database, KeyRing],
      // Checked here, before the process serves anything or writes with a key that does not belong to this database.
      useFactory: async (database: Database, ring: KeyRing): Promise<BootCanary> => {
        const canary = new BootCanary(database, ring);
        await canary.check();
        return canary;
      },
    },
    RotationRecord,
    KeyRotation,
  ],
  exports: [BootCanary, KeyRotation],
})
export class KeysModule {}
