import { Injectable } from '@nestjs/common';
import { InvalidField } from '../common/domain-error.js';
import { AppConfig } from '../config/app-config.js';
import { BlockedAddress, OutgoingRequestError } from '../instances/guarded-http.errors.js';
import { OutgoingAddresses } from '../instances/outgoing-address.js';

/** Where a webhook may be: https on port 443 at public addresses, and the hosts of INSTANCE_HOST_ALLOWLIST. */
@Injectable()
export class WebhookUrl {
  readonly #addresses: OutgoingAddresses;

  constructor({ instanceHostAllowlist }: AppConfig) {
    this.#addresses = new OutgoingAddresses(instanceHostAllowlist);
  }

  /** As it is stored. It is checked again whenever something is sent. @throws {InvalidField} */
  async accept(text: string): Promise<string> {
    const url = URL.canParse(text) ? new URL(text) : null;
    if (url === null) throw invalid('must be an address such as https://example.org/hooks');
    if (url.hash !== '') throw invalid('must have no fragment');
    try {
      await this.#addresses.of(url);
    } catch (error) {
      if (error instanceof BlockedAddress)
        throw invalid('must be https, on port 443 of a public host, without a user name');
      if (error instanceof OutgoingRequestError) throw invalid('must have a host that exists');
      throw error;
    }
    return url.href;
  }
}

function invalid(rule: string): InvalidField {
  return new InvalidField([{ pointer: '/url', detail: `url ${rule}` }]);
}
