/** A bounded set, because it labels metrics. */
export type CacheResource =
  'user_platforms' | 'platform' | 'platform_stats' | 'api_key' | 'session' | 'instance';

/** One kind of cache entry. Its feature declares it once, with the reason for its TTL. */
export interface CacheSpec<Id, T> {
  readonly resource: CacheResource;
  key(id: Id): string;
  /** A whole number. */
  ttlSeconds(value: T): number;
  /** JSON text. */
  encode(value: T): string;
  /** The value without bookkeeping such as row versions. The self-audit compares values by it. */
  fingerprint(value: T): string;
  /**
   * Parses a stored text and revives its dates.
   *
   * An attacker with access to Redis can write anything there. Throw unless `raw` is exactly what `encode` makes for
   * `id`, so that one user's entry under another user's key is not served.
   */
  decode(raw: string, id: Id): T;
}

/** An entry that is stored before anybody has asked for it. */
export interface WarmEntry {
  readonly key: string;
  readonly raw: string;
  readonly ttlSeconds: number;
}

export function warmEntry<Id, T>(spec: CacheSpec<Id, T>, id: Id, value: T): WarmEntry {
  return { key: spec.key(id), raw: spec.encode(value), ttlSeconds: spec.ttlSeconds(value) };
}
