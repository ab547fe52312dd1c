import type { EntityManager } from 'typeorm';

/** Number of rows encrypted with a key. */
export interface KeyUsage {
  readonly keyId: string;
  readonly rows: number;
}

export interface Batch {
  /** Only rows with a greater id; 0 for the first batch. */
  readonly afterId: number;
  /** Maximum number of rows. */
  readonly limit: number;
}

export interface RewrittenBatch {
  /** Number of rows that this batch put under the primary key. */
  readonly rewritten: number;
  /** Ids of rows that no key of the ring decrypts, or whose seal is broken. They are never changed. */
  readonly unreadable: readonly number[];
  /** `afterId` of the next batch. Null after the last one. */
  readonly nextAfterId: number | null;
  /** Connections whose cached entries hold the old ciphertexts. */
  readonly changes: readonly { readonly userId: number; readonly platformId: number }[];
}

/** The encrypted columns of one table, for keys:rotate. Each feature registers its own with KeyRotation. */
export interface RotatableSecrets {
  /** Plural name shown to the operator, such as "platform connections". */
  readonly what: string;

  /** Its column `key_id` names the key of each row. */
  readonly table: string;

  /**
   * Re-encrypts the next rows whose key is not the primary, in the caller's transaction, which commits right after.
   * Implementations lock rows with SKIP LOCKED before reading them. A row that is being written is left to a later pass,
   * so neither side waits for the other, and no row changes between being read and being replaced.
   */
  rewrite(manager: EntityManager, batch: Batch): Promise<RewrittenBatch>;
}
