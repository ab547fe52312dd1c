import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { UsersModule } from '../users/users.module.js';
import { PasskeyProofs } from './passkey-proofs.js';
import { Passkey } from './passkey.entity.js';
import { PasskeysController } from './passkeys.controller.js';
import { PasskeysService } from './passkeys.service.js';
import { RecoveryCode } from './recovery-code.entity.js';
import { RelyingParty } from './relying-party.js';
import { SecondFactors } from './second-factors.js';
import { TotpCipher } from './totp-cipher.js';
import { TotpFactor } from './totp-factor.entity.js';
import { TotpSecrets } from './totp-secrets.js';
import { TotpController } from './totp.controller.js';
import { TotpService } from './totp.service.js';
import { WebauthnChallenge } from './webauthn-challenge.entity.js';
import { WebauthnChallenges } from './webauthn-challenges.js';

@Module({
  imports: [TypeOrmModule.forFeature([TotpFactor, RecoveryCode, Passkey, WebauthnChallenge]), UsersModule],
  controllers: [TotpController, PasskeysController],
  providers: [
    PasskeyProofs,
    PasskeysService,
    RelyingParty,
    WebauthnChallenges,
    SecondFactors,
    TotpCipher,
    TotpSecrets,
    TotpService,
  ],
  exports: [PasskeyProofs, SecondFactors],
})
export class FactorsModule {}
