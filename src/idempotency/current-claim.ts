import { AsyncLocalStorage } from 'node:async_hooks';

/** The right to carry out the request of an `Idempotency-Key`. */
export interface Claim {
  readonly keyHash: Buffer;
  readonly id: string;
  /** Null if nobody is signed in. */
  readonly userId: number | null;
  /** Of the request. */
  readonly digest: string;
  /** The status of a reply that is stored before it is sent. */
  readonly status: number;
}

const claims = new AsyncLocalStorage<Claim>();

/** Runs `work` under a claim: replies that it keeps belong to the claim's key. */
export function underClaim<T>(claim: Claim, work: () => T): T {
  return claims.run(claim, work);
}

export function currentClaim(): Claim | null {
  return claims.getStore() ?? null;
}
