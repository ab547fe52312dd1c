import { Global, Module } from '@nestjs/common';
import { AppConfig } from '../config/app-config.js';
import { KeyRing } from './key-ring.js';

/** Provides one key ring per process. The other files of this folder do not depend on Nest. */
@Global()
@Module({
  providers: [
    {
      provide: KeyRing,
      inject: [AppConfig],
      useFactory: ({ encryptionKeys }: AppConfig) => KeyRing.parse(encryptionKeys),
    },
  ],
  exports: [KeyRing],
})
export class CryptoModule {}
