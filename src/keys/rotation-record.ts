import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { KeyRing } from '../crypto/key-ring.js';
import { Database } from '../database/database.js';

export interface RecordedProgress {
  readonly what: string;
  readonly done: number;
  readonly total: number;
}

/**
 * How many rows a rotation had to do when it began, and how many are done. A rotation counts all rows anyway; who wants to
 * know how far it is reads one row instead.
 */
@Injectable()
export class RotationRecord {
  constructor(
    private readonly database: Database,
    private readonly ring: KeyRing,
  ) {}

  /** @param left rows under other keys. A run that goes on with a killed one keeps what that has done. */
  async begin(what: string, left: number): Promise<void> {
    await this.database.statement(
      `INSERT INTO key_rotations AS known (what, key_id, total) VALUES ($1, $2, $3)
       ON CONFLICT (what) DO UPDATE SET key_id = $2,
         done = CASE WHEN known.key_id = $2 THEN known.done ELSE 0 END,
         total = $3 + CASE WHEN known.key_id = $2 THEN known.done ELSE 0 END`,
      [what, this.ring.primaryKeyId, left],
    );
  }

  /** In the transaction of a batch: a killed run has counted what it has committed. */
  async add(manager: EntityManager, what: string, rows: number): Promise<void> {
    await manager.query('UPDATE key_rotations SET done = done + $2 WHERE what = $1', [what, rows]);
  }

  /** Those of rotations to the primary key. */
  async read(): Promise<Map<string, RecordedProgress>> {
    const rows = await this.database.statement<RecordedProgress>(
      'SELECT what, done, total FROM key_rotations WHERE key_id = $1',
      [this.ring.primaryKeyId],
    );
    return new Map(rows.map((row) => [row.what, row]));
  }
}
