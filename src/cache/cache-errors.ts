import { ServiceUnavailable } from '../common/domain-error.js';

/** Why the cache was bypassed. A bounded set, shown as `detail` in `Cache-Status`. */
export type BypassReason =
  'redis-unavailable' | 'redis-timeout' | 'redis-error' | 'recovering' | 'lease-wait' | 'include-inactive';

/** The store cannot be asked or did not answer: whether there is an entry is unknown. Reads never throw it; they load. */
export class CacheUnavailable extends ServiceUnavailable {
  override readonly code = 'cache_unavailable';

  constructor(
    readonly reason: BypassReason,
    /** For the log; may name hosts. */
    readonly why: string,
    options?: ErrorOptions,
  ) {
    super('The cache cannot be reached at the moment. Try again shortly.', 1, options);
  }
}

/** Why a call of the store failed, for the log. */
export function whyOf(error: unknown): string {
  if (error instanceof CacheUnavailable) return error.why;
  return error instanceof Error ? error.message || error.name : String(error);
}

/** What the key holds is not an entry that this installation has stored there and still believes. */
export class CorruptEntry extends Error {
  override readonly name = 'CorruptEntry';
}

/** Errors of the store have these two classes. Any other error is a bug in this program and is thrown again. */
export function reasonOf(error: unknown): BypassReason {
  if (error instanceof CacheUnavailable) return error.reason;
  if (error instanceof CorruptEntry) return 'redis-error';
  throw error;
}
