import { AddressRanges } from '../address-ranges.js';

/** What an API key is limited to beyond its scopes, as it is stored and shown. An absent field is no limit. */
export interface KeyPolicyFields {
  readonly platformIds?: readonly number[] | undefined;
  /** Canonical; see `canonicalRange`. */
  readonly addresses?: readonly string[] | undefined;
}

/** The same, ready to be asked on each request. */
export class KeyPolicy {
  readonly #platformIds: ReadonlySet<number> | null;
  readonly #addresses: AddressRanges | null;

  /** @throws {Error} for an address range that is not valid. */
  constructor({ platformIds, addresses }: KeyPolicyFields) {
    this.#platformIds = platformIds === undefined ? null : new Set(platformIds);
    this.#addresses = addresses === undefined ? null : new AddressRanges(addresses);
  }

  get limitsPlatforms(): boolean {
    return this.#platformIds !== null;
  }

  permitsPlatform(id: number): boolean {
    return this.#platformIds?.has(id) ?? true;
  }

  permitsAddress(address: string): boolean {
    return this.#addresses?.has(address) ?? true;
  }
}
