import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Database } from '../database/database.js';
import { addressKey } from '../http/address-key.js';
import { SignInDelayed } from './auth.errors.js';

/** Failures in a row, from one address, that cost no time. */
const FREE_FAILURES = 5;
/** Failures within an hour, from all other addresses together, after which an unknown address has to wait. */
const FREE_FAILURES_ELSEWHERE = 50;
const MAX_WAIT_SECONDS = 900;
/** Rows that are older go, a few at each sign-in, which adds at most one. */
const KEPT = '90 days';
const PURGE_BATCH_ROWS = 100;

/** SQL: how long the next attempt has to wait after so many failures. */
const ownWait = (failures: string): string => `make_interval(secs =>
  least(${MAX_WAIT_SECONDS}, 2 ^ least(${failures} - ${FREE_FAILURES}, 30)))`;

/**
 * Makes guessing slow. Each failure for an account name from an address doubles the wait for that pair. Where many
 * addresses guess at one name, those from which the account has never signed in wait too; where its owner has been before,
 * the failures of others do not matter. The same for names that have no account. In the database, so that no process and
 * nobody who can write to Redis forgets.
 */
@Injectable()
export class SignInDelays {
  constructor(private readonly database: Database) {}

  /**
   * Counts an attempt as failed before the password is compared: of many at once, none is free.
   *
   * @throws {SignInDelayed}
   */
  async begin(name: string, address: string): Promise<void> {
    const pair = [hashOf(name), addressKey(address)];
    const elsewhere = await this.waitSeconds(
      `SELECT least(${MAX_WAIT_SECONDS}, 2 ^ least((sum(failures) - ${FREE_FAILURES_ELSEWHERE}) / 10.0, 30))
         - extract(epoch FROM now() - max(failed_at)) AS seconds
       FROM sign_ins WHERE name_hash = $1 AND address <> $2 AND failed_at > now() - interval '1 hour'
         AND NOT EXISTS (
           SELECT 1 FROM sign_ins WHERE name_hash = $1 AND address = $2 AND succeeded_at > now() - interval '${KEPT}')
       HAVING sum(failures) >= ${FREE_FAILURES_ELSEWHERE}`,
      pair,
    );
    if (elsewhere > 0) throw new SignInDelayed(elsewhere);
    const counted = await this.database.statement(
      `INSERT INTO sign_ins AS known (name_hash, address, failures, failed_at) VALUES ($1, $2, 1, now())
       ON CONFLICT (name_hash, address) DO UPDATE SET at = now(), failed_at = now(),
         failures = CASE WHEN known.failed_at > now() - interval '1 day' THEN known.failures + 1 ELSE 1 END
       WHERE known.failures < ${FREE_FAILURES} OR known.failed_at + ${ownWait('known.failures')} <= now()
       RETURNING 1`,
      pair,
    );
    if (counted.length > 0) return;
    const own = await this.waitSeconds(
      `SELECT extract(epoch FROM failed_at + ${ownWait('failures')} - now()) AS seconds
       FROM sign_ins WHERE name_hash = $1 AND address = $2`,
      pair,
    );
    throw new SignInDelayed(Math.max(1, own));
  }

  /** The owner has signed in: the failures before were theirs, or somebody's who shares the address. */
  async succeeded(name: string, address: string, manager: EntityManager): Promise<void> {
    await manager.query(
      `INSERT INTO sign_ins (name_hash, address, succeeded_at) VALUES ($1, $2, now())
       ON CONFLICT (name_hash, address) DO UPDATE
       SET failures = 0, failed_at = NULL, succeeded_at = now(), at = now()`,
      [hashOf(name), addressKey(address)],
    );
    await manager.query(
      `DELETE FROM sign_ins WHERE ctid IN (
         SELECT ctid FROM sign_ins WHERE at < now() - interval '${KEPT}' LIMIT ${PURGE_BATCH_ROWS} FOR UPDATE SKIP LOCKED)`,
    );
  }

  private async waitSeconds(sql: string, parameters: unknown[]): Promise<number> {
    const [row] = await this.database.statement<{ seconds: string }>(sql, parameters);
    return Math.ceil(Number(row?.seconds ?? 0));
  }
}

function hashOf(name: string): Buffer {
  return hash('sha256', name, 'buffer');
}
