import type { BypassReason } from './cache-errors.js';
import type { CacheResource } from './cache-spec.js';

/**
 * `hit`: from the store. `miss`: loaded and offered to the store. `collapsed`: loaded by another caller or process.
 * `bypass`: loaded without asking or filling the store. `error`: the store failed while it was asked. `corrupt`: the
 * store held something else under this key; it was removed, and the entry was loaded again.
 */
export type CacheOutcome = 'hit' | 'miss' | 'collapsed' | 'bypass' | 'error' | 'corrupt';

/** The result of a read. `value` is shared by all callers of a flight: do not change it. */
export interface CacheRead<T> {
  readonly resource: CacheResource;
  readonly outcome: CacheOutcome;
  readonly detail: BypassReason | null;
  /** Whether the store took the loaded value. */
  readonly stored: boolean;
  readonly value: T;
  /** The JSON text of `value`, as it is stored or would be. */
  readonly raw: string;
  /** From the caller's arrival to its answer. */
  readonly durationSeconds: number;
}

/** The `Cache-Status` member of a read. @see RFC 9211 */
export function cacheStatus(read: Pick<CacheRead<unknown>, 'outcome' | 'detail' | 'stored'>): string {
  const stored = read.stored ? '; stored' : '';
  switch (read.outcome) {
    case 'hit':
      return 'platform-manager; hit';
    case 'miss':
      return `platform-manager; fwd=miss${stored}`;
    case 'collapsed':
      return 'platform-manager; fwd=miss; collapsed';
    case 'corrupt':
      return `platform-manager; fwd=miss${stored}; detail=corrupt`;
    case 'bypass':
    case 'error':
      return `platform-manager; fwd=bypass; detail=${read.detail ?? 'unknown'}`;
    default:
      return read.outcome satisfies never;
  }
}
