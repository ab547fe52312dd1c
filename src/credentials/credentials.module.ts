import { Module } from '@nestjs/common';
import { CredentialCipher } from './credential-cipher.js';
import { RefreshTokenCipher } from './refresh-token-cipher.js';

@Module({
  providers: [CredentialCipher, RefreshTokenCipher],
  exports: [CredentialCipher, RefreshTokenCipher],
})
export class CredentialsModule {}
