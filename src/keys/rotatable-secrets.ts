import type { EntityManager } from 'typeorm';

/** How many rows name a key. */
export interface KeyUsage {
  readonly keyId: string;
  readonly rows: number;
}

export interface Batch {
  /** Only rows with a greater id; 0 for the first batch. */
  readonly afterId: number;
  /** Rows at most. */
  readonly limit: number;
}

export interface RewrittenBatch {
  /** Rows that are under the primary key now. */
  readonly rewritten: number;
  /** Ids of rows that no key of the ring opens, or whose seal is broken. They are left as they are, for good. */
  readonly unreadable: readonly number[];
  /** `afterId` of the next batch; null when this was the last one. */
  readonly nextAfterId: number | null;
  /** Connections whose cached entries hold the old ciphertexts. */
  readonly changes: readonly { readonly userId: number; readonly platformId: number }[];
}

/**
 * Encrypted columns of one table, for keys:rotate. A feature registers its own with KeyRotation. Each row names, in a
 * column, the key that encrypted it.
 */
export interface RotatableSecrets {
  /** Plural, for the operator: "platform connections". */
  readonly what: string;

  /** Every key that rows name, the primary too. */
  usage(manager: EntityManager): Promise<KeyUsage[]>;

  /**
   * Re-encrypts the next rows that name another key than the primary, in the caller's transaction, which is committed
   * at once. Rows have to be locked with SKIP LOCKED before they are read: a row that somebody is writing is left to a
   * later pass, so that neither waits for the other, and what was read is what is replaced.
   */
  rewrite(manager: EntityManager, batch: Batch): Promise<RewrittenBatch>;
}
