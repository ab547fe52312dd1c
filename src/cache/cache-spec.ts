/** What is cached. Bounded: it labels metrics. */
export type CacheResource = 'user_platforms' | 'platform' | 'platform_stats' | 'api_key';

/** One kind of cache entry. Declared once, in the feature that owns it, with the reason of its TTL. */
export interface CacheSpec<Id, T> {
  readonly resource: CacheResource;
  key(id: Id): string;
  /** Seconds, whole. */
  ttlSeconds(value: T): number;
  /** JSON text. */
  encode(value: T): string;
  /** What makes two values the same but for bookkeeping, such as the versions of the rows: for the self-audit. */
  fingerprint(value: T): string;
  /**
   * Typed value of a stored text, dates revived.
   *
   * Whoever can write to Redis can write anything: this must throw unless `raw` is exactly what `encode` makes for
   * `id`, so that one user's entry under another's key is not served.
   */
  decode(raw: string, id: Id): T;
}
