import { randomBytes } from 'node:crypto';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DataSource } from 'typeorm';
import { CredentialCipher } from '../../src/credentials/credential-cipher.js';
import { RefreshTokenCipher } from '../../src/credentials/refresh-token-cipher.js';
import { LocalRounds } from '../../src/watch/local-rounds.js';
import { WatchSchedule } from '../../src/watch/watch-schedule.js';
import { Watcher } from '../../src/watch/watcher.js';

const INTERVAL_MS = 21_600_000;

export interface WatchedInput {
  readonly instanceUrl: string;
  readonly accessToken: string;
  readonly platformType?: string;
  readonly app?: { readonly clientId: string; readonly clientSecret: string };
  readonly refreshToken?: string;
  readonly expiresInSeconds?: number;
}

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
    const cipher = this.app.get(CredentialCipher);
    const refreshCipher = this.app.get(RefreshTokenCipher);
    const ids = await this.sql<{ id: number }>(
      `SELECT nextval(pg_get_serial_sequence('platform_connections', 'id'))::integer AS id
       FROM generate_series(1, $1::integer)`,
      [inputs.length],
    );
    const rows = inputs.map((input, index) => {
      const id = ids[index]?.id ?? 0;
      const owner = { userId, id, instanceUrl: input.instanceUrl };
      const { accessToken, app, refreshToken, expiresInSeconds } = input;
      const sealed = cipher.encrypt(owner, {
        accessToken,
        clientKey: app?.clientId ?? null,
        clientSecret: app?.clientSecret ?? null,
      });
      return {
        id,
        user_id: userId,
        name: randomBytes(8).toString('hex'),
        platform_type: input.platformType ?? 'mastodon',
        instance_url: input.instanceUrl,
        access_token: sealed.accessToken,
        client_key: sealed.clientKey,
        client_secret: sealed.clientSecret,
        key_id: sealed.keyId,
        seal: sealed.seal,
        refresh_token: refreshToken === undefined ? null : refreshCipher.encrypt(owner, refreshToken),
        token_expires_at:
          expiresInSeconds === undefined ? null : new Date(Date.now() + expiresInSeconds * 1000),
      };
    });
    await this.sql(
      `INSERT INTO platform_connections (id, user_id, name, platform_type, instance_url, access_token, client_key,
         client_secret, key_id, seal, refresh_token, token_expires_at)
       SELECT id, user_id, name, platform_type, instance_url, access_token, client_key, client_secret, key_id, seal,
         refresh_token, token_expires_at
       FROM jsonb_populate_recordset(NULL::platform_connections, $1)`,
      [JSON.stringify(rows)],
    );
    await this.app.get(WatchSchedule).plan(INTERVAL_MS);
    return rows.map(({ id }) => id);
  }
}
