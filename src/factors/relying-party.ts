import { Injectable } from '@nestjs/common';
import { AppConfig } from '../config/app-config.js';

/** Whom passkeys are for: they are bound to the host of PUBLIC_URL, and work on its origin alone. */
@Injectable()
export class RelyingParty {
  readonly name = 'Platform Manager';
  readonly id: string;
  readonly origin: string;

  constructor({ publicUrl }: AppConfig) {
    const { hostname, origin } = new URL(publicUrl);
    this.id = hostname;
    this.origin = origin;
  }
}
