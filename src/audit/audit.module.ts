import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { KeyRing } from '../crypto/key-ring.js';
import { Database } from '../database/database.js';
import { BootCanary } from '../keys/boot-canary.js';
import { AuditChainHead } from './audit-chain.entity.js';
import { AuditChain } from './audit-chain.js';
import { AuditEntry } from './audit-entry.entity.js';
import { AuditKeySecrets } from './audit-key-secrets.js';
import { AuditLog } from './audit-log.js';
import { AuditRetention } from './audit-retention.js';
import { AuditTrail } from './audit-trail.js';
import { AuditController } from './audit.controller.js';

@Global()
@Module({
  imports: [TypeOrmModule.forFeature([AuditEntry, AuditChainHead])],
  controllers: [AuditController],
  providers: [
    {
      provide: AuditChain,
      // The canary first: it says in one line that the key ring is another one.
      inject: [Database, KeyRing, BootCanary],
      useFactory: (database: Database, ring: KeyRing) => AuditChain.open(database, ring),
    },
    AuditLog,
    AuditTrail,
    AuditRetention,
    AuditKeySecrets,
  ],
  exports: [AuditChain, AuditLog, AuditTrail],
})
export class AuditModule {}
