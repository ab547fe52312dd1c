import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '../database/database.js';
import { PeriodicWork } from '../database/periodic-work.js';

const INTERVAL_MS = 60_000;
const AHEAD = '7 days';
const BATCH = 500;

// In one statement: the event is in the outbox exactly if the notice is noted. A token with a refresh token is renewed.
const NOTICE_SQL = `
  WITH soon AS (
    SELECT c.id, c.user_id, c.token_expires_at, c.labels FROM platform_connections c
    WHERE c.token_expires_at > now() AND c.token_expires_at < now() + interval '${AHEAD}'
      AND c.refresh_token IS NULL AND c.is_active AND NOT EXISTS (
        SELECT 1 FROM expiry_notices n WHERE n.platform_id = c.id AND n.token_expires_at = c.token_expires_at)
    ORDER BY c.token_expires_at LIMIT ${BATCH}
  ), noted AS (
    INSERT INTO expiry_notices AS n (platform_id, token_expires_at) SELECT id, token_expires_at FROM soon
    ON CONFLICT (platform_id) DO UPDATE SET token_expires_at = excluded.token_expires_at
      WHERE n.token_expires_at <> excluded.token_expires_at
    RETURNING n.platform_id
  )
  INSERT INTO platform_changes (user_id, platform_id, type, facts)
  SELECT user_id, id, 'platform.updated', jsonb_build_object('expiring', true, 'labels', labels)
  FROM soon JOIN noted ON noted.platform_id = soon.id
  RETURNING 1 AS told`;

/** Tells once, seven days ahead, that a token which nobody can renew is about to expire. */
@Injectable()
export class ExpiryNotices implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #work = new PeriodicWork(() => this.tell(), {
    intervalMs: INTERVAL_MS,
    logger: 'Webhooks',
    failed: 'Expiring tokens could not be looked for',
    again: 'Expiring tokens are looked for again.',
  });

  constructor(private readonly database: Database) {}

  onApplicationBootstrap(): void {
    this.#work.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.#work.stop();
  }

  /** @returns how many were told of. */
  async tell(): Promise<number> {
    const told = await this.database.statement(NOTICE_SQL);
    return told.length;
  }
}
