import { AddressRanges } from '../address-ranges.js';
import { matchesPath } from './path-pattern.js';

/** What may be sent to an instance. */
export const PROXY_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type ProxyMethod = (typeof PROXY_METHODS)[number];

/** For people, and for keys whose policy does not name any. */
const READ_ONLY: readonly string[] = ['GET', 'HEAD'] satisfies ProxyMethod[];

/** What an API key may send through the proxy. */
export interface ProxyPolicyFields {
  readonly methods?: readonly ProxyMethod[] | undefined;
  /** See `isPathPattern`. */
  readonly paths?: readonly string[] | undefined;
  readonly perMinute?: number | undefined;
}

/** What an API key is limited to beyond its scopes, as it is stored and shown. An absent field is no limit, except `methods`. */
export interface KeyPolicyFields extends ProxyPolicyFields {
  readonly platformIds?: readonly number[] | undefined;
  /** Canonical; see `canonicalRange`. */
  readonly addresses?: readonly string[] | undefined;
}

/** The same, ready to be asked on each request. */
export class KeyPolicy {
  /** Requests through the proxy; null without a limit of the key's own. */
  readonly perMinute: number | null;
  readonly #platformIds: ReadonlySet<number> | null;
  readonly #addresses: AddressRanges | null;
  readonly #methods: readonly string[];
  readonly #paths: readonly string[] | null;

  /** @throws {Error} for an address range that is not valid. */
  constructor({ platformIds, addresses, methods, paths, perMinute }: KeyPolicyFields) {
    this.#platformIds = platformIds === undefined ? null : new Set(platformIds);
    this.#addresses = addresses === undefined ? null : new AddressRanges(addresses);
    this.#methods = methods ?? READ_ONLY;
    this.#paths = paths ?? null;
    this.perMinute = perMinute ?? null;
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

  permitsMethod(method: string): boolean {
    return this.#methods.includes(method);
  }

  permitsPath(path: string): boolean {
    return this.#paths?.some((pattern) => matchesPath(pattern, path)) ?? true;
  }
}

/** Of people, and of keys without a policy: reading only. A stolen session cannot write at instances. */
export const NO_POLICY = new KeyPolicy({});
