import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { KeyRing } from '../crypto/key-ring.js';
import { Database } from '../database/database.js';
import { Invalidation } from '../outbox/invalidation.js';
import { transactionIdOf } from '../outbox/transaction-id.js';
import { BootCanary } from './boot-canary.js';
import type { Batch, KeyUsage, RewrittenBatch, RotatableSecrets } from './rotatable-secrets.js';
import { RotationRecord } from './rotation-record.js';

/** Rows locked at the same time, for some milliseconds. */
const BATCH_ROWS = 100;
/** Each pass retries the rows that were locked by a writer, or were written with the old key since. */
const MAX_PASSES = 10;
const PASS_PAUSE_MS = 200;
const COUNT_BOUND = 10_001;

/** Receives the progress of a rotation. */
export interface RotationProgress {
  started(what: string, rows: number): void;
  advanced(rows: number): void;
  finished(): void;
}

export interface RotationOutcome {
  readonly what: string;
  readonly rewritten: number;
  /** Ids of rows left under another key because no key in the ring decrypts them. They do not block removing a key. */
  readonly unreadable: readonly number[];
  /** Rows under keys other than the primary, including the unreadable ones. */
  readonly left: readonly KeyUsage[];
  /** Whether every readable row is under the primary key. */
  readonly complete: boolean;
}

export interface RemainingRows {
  readonly what: string;
  readonly left: number;
  /** Null before a rotation to the primary key has begun. */
  readonly done: number | null;
  readonly total: number | null;
}

/**
 * Re-encrypts all secrets under the primary key while the application reads and writes. Each row names its key, so the
 * rows themselves record the remaining work: a new run resumes a killed one, and two runs share the work.
 */
@Injectable()
export class KeyRotation {
  readonly #registered: RotatableSecrets[] = [];

  constructor(
    private readonly database: Database,
    private readonly ring: KeyRing,
    private readonly invalidation: Invalidation,
    private readonly canary: BootCanary,
    private readonly record: RotationRecord,
  ) {}

  register(secrets: RotatableSecrets): void {
    this.#registered.push(secrets);
  }

  /** @throws {DatabaseUnavailable} Rows rewritten before that stay rewritten. */
  async rotate(progress: RotationProgress): Promise<RotationOutcome[]> {
    const outcomes: RotationOutcome[] = [];
    for (const secrets of this.#registered) outcomes.push(await this.rotateOne(secrets, progress));
    // The canary comes last: once it is renewed, a process that lacks the new key does not start.
    if (outcomes.every(({ complete }) => complete)) await this.canary.renew();
    return outcomes;
  }

  /** What is not under the primary key yet, counted up to a bound, and how far the rotation is that brings it there. */
  async remaining(): Promise<RemainingRows[]> {
    const counted: RemainingRows[] = [];
    const recorded = await this.record.read();
    for (const { what, table } of this.#registered) {
      // Two ranges of an index, where <> would read all rows.
      const [row] = await this.database.statement<{ left: number }>(
        `SELECT count(*)::integer AS left FROM (
           SELECT 1 FROM ${table} WHERE key_id < $1 OR key_id > $1 LIMIT ${COUNT_BOUND}) AS bounded`,
        [this.ring.primaryKeyId],
      );
      const { done = null, total = null } = recorded.get(what) ?? {};
      counted.push({ what, left: row?.left ?? 0, done, total });
    }
    return counted;
  }

  /** Goes through all rows once, in batches. Each batch has its own transaction. */
  async pass(
    rewrite: (manager: EntityManager, batch: Batch) => Promise<RewrittenBatch>,
    advanced: (rows: number) => void,
  ): Promise<Pick<RotationOutcome, 'rewritten' | 'unreadable'>> {
    const unreadable: number[] = [];
    let rewritten = 0;
    for (let afterId: number | null = 0; afterId !== null;) {
      const batch: Batch = { afterId, limit: BATCH_ROWS };
      const [done, transactionId]: [RewrittenBatch, string] = await this.database.transaction(
        async (manager) => [await rewrite(manager, batch), await transactionIdOf(manager)],
      );
      await this.invalidation.afterCommit({ transactionId, changes: done.changes });
      rewritten += done.rewritten;
      unreadable.push(...done.unreadable);
      advanced(done.rewritten + done.unreadable.length);
      afterId = done.nextAfterId;
    }
    return { rewritten, unreadable };
  }

  private async rotateOne(secrets: RotatableSecrets, progress: RotationProgress): Promise<RotationOutcome> {
    const { what } = secrets;
    let left = await this.underOtherKeys(secrets);
    progress.started(what, total(left));
    if (total(left) > 0) await this.record.begin(what, total(left));
    let rewritten = 0;
    let unreadable: readonly number[] = [];
    try {
      for (let pass = 0; pass < MAX_PASSES && total(left) > 0; pass++) {
        if (pass > 0) await sleep(PASS_PAUSE_MS);
        const done = await this.pass(
          async (manager, batch) => {
            // Tells the triggers not to count a new version or announce a change: nothing that clients see changes.
            await manager.query(`SELECT set_config('platform_manager.rewrap', 'on', true)`);
            const written = await secrets.rewrite(manager, batch);
            await this.record.add(manager, what, written.rewritten);
            return written;
          },
          (rows) => progress.advanced(pass === 0 ? rows : 0),
        );
        rewritten += done.rewritten;
        unreadable = done.unreadable;
        left = await this.underOtherKeys(secrets);
        if (total(left) <= unreadable.length) break;
      }
    } finally {
      progress.finished();
    }
    return { what, rewritten, unreadable, left, complete: total(left) <= unreadable.length };
  }

  private async underOtherKeys({ table }: RotatableSecrets): Promise<KeyUsage[]> {
    const usage = await this.database.statement<KeyUsage>(
      `SELECT key_id AS "keyId", count(*)::integer AS rows FROM ${table} GROUP BY key_id ORDER BY key_id`,
    );
    return usage.filter(({ keyId }) => keyId !== this.ring.primaryKeyId);
  }
}

function total(usage: readonly KeyUsage[]): number {
  return usage.reduce((sum, { rows }) => sum + rows, 0);
}
