import { Global, Module } from '@nestjs/common';
import { AppConfig } from '../config/app-config.js';
import { KeyRing } from './key-ring.js';

/** The face of the pure crypto files towards Nest: one key ring a process. */
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
