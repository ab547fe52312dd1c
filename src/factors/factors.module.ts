import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { UsersModule } from '../users/users.module.js';
import { RecoveryCode } from './recovery-code.entity.js';
import { SecondFactors } from './second-factors.js';
import { TotpCipher } from './totp-cipher.js';
import { TotpFactor } from './totp-factor.entity.js';
import { TotpSecrets } from './totp-secrets.js';
import { TotpController } from './totp.controller.js';
import { TotpService } from './totp.service.js';

@Module({
  imports: [TypeOrmModule.forFeature([TotpFactor, RecoveryCode]), UsersModule],
  controllers: [TotpController],
  providers: [SecondFactors, TotpCipher, TotpSecrets, TotpService],
  exports: [SecondFactors],
})
export class FactorsModule {}
