import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DataSource } from 'typeorm';
import { KeyRing } from '../../src/crypto/key-ring.js';
import { LocalRounds } from '../../src/watch/local-rounds.js';
import { WatchSchedule } from '../../src/watch/watch-schedule.js';
import { Watcher } from '../../src/watch/watcher.js';
import type { FakeApp } from './fake-instance/fake-oauth.js';
import { type ConnectionInput, insertConnections, insertRegistration } from './insert-connections.js';

const INTERVAL_MS = 21_600_000;

export type WatchedInput = Omit<ConnectionInput, 'userId'>;

export interface WatchedRow {
  readonly id: number;
  readonly status: string;
  readonly version: number;
  readonly last_error: string | null;
  readonly last_checked_at: Date | null;
  readonly account_id: string | null;
  readonly access_token: string;
  readonly refresh_token: string | null;
  readonly token_expires_at: Date | null;
}

/** The watcher of an application that does not watch by itself, and its rows. */
export class Watched {
  constructor(private readonly app: NestFastifyApplication) {}

  sql<T>(text: string, parameters: unknown[] = []): Promise<T[]> {
    return this.app.get(DataSource).query<T[]>(text, parameters);
  }

  /** One look, and all visits that it leads to. */
  async round(concurrency = 10): Promise<void> {
    await new LocalRounds(this.app.get(Watcher), { roundMs: 1000, concurrency }).round();
  }

  /** As after a long time, for instances too. */
  async everythingDue(): Promise<void> {
    await this.sql(`UPDATE platform_watch SET next_check_at = now() - interval '1 second'`);
    await this.sql(`UPDATE instance_watch SET retry_at = now() - interval '1 second'`);
  }

  async row(id: number): Promise<WatchedRow> {
    const [row] = await this.sql<WatchedRow>('SELECT * FROM platform_connections WHERE id = $1', [id]);
    if (row === undefined) throw new Error(`There is no connection ${id}.`);
    return row;
  }

  async instance(origin: string): Promise<{ failures: number; waitSeconds: number }> {
    const [row] = await this.sql<{ failures: number; waitSeconds: number }>(
      `SELECT failures, extract(epoch FROM retry_at - now())::float8 AS "waitSeconds"
       FROM instance_watch WHERE instance_url = $1`,
      [origin],
    );
    if (row === undefined) throw new Error(`${origin} was never visited.`);
    return row;
  }

  /** Connections by SQL, sealed, of one user, their first checks planned; thousands cost no thousand requests. */
  async insert(userId: number, inputs: readonly WatchedInput[]): Promise<number[]> {
    const ids = await insertConnections(
      (text, values) => this.sql(text, values),
      this.app.get(KeyRing),
      inputs.map((input) => ({ userId, ...input })),
    );
    await this.app.get(WatchSchedule).plan(INTERVAL_MS);
    return ids;
  }

  /** As if this application had made the registration. */
  async register(origin: string, app: FakeApp): Promise<void> {
    await insertRegistration((text, values) => this.sql(text, values), this.app.get(KeyRing), origin, app);
  }
}
