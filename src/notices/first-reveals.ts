import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { currentOrigin } from '../audit/audit-origin.js';
import { Clock } from '../common/clock.js';
import { Database } from '../database/database.js';
import { NoticesService } from './notices.service.js';

const REMEMBERED = 10_000;

/** Tells a person of the first time that one of their API keys reads credentials. */
@Injectable()
export class FirstReveals {
  /** Keys that have, so that later reveals cost no statement. */
  readonly #seen = new LRUCache<number, true>({ max: REMEMBERED });

  constructor(
    private readonly database: Database,
    private readonly notices: NoticesService,
    private readonly clock: Clock,
  ) {}

  /**
   * Before the credentials are given out: a process that dies in between has told too much, never too little.
   *
   * @param apiKeyId undefined in a person's own session.
   */
  async note(userId: number, apiKeyId: number | undefined, connection: string): Promise<void> {
    if (apiKeyId === undefined || this.#seen.has(apiKeyId)) return;
    await this.database.transaction(async (manager) => {
      const [rows] = await manager.query<[{ name: string }[], number]>(
        `UPDATE api_keys SET first_reveal_at = now()
         WHERE id = $1 AND user_id = $2 AND first_reveal_at IS NULL RETURNING name`,
        [apiKeyId, userId],
      );
      const first = rows[0];
      if (first === undefined) return;
      const { address } = currentOrigin();
      const item = { key: first.name, connection, address, at: this.clock.now().toISOString() };
      await this.notices.addIn(manager, userId, 'credentialsRevealed', [item]);
    });
    this.#seen.set(apiKeyId, true);
  }
}
