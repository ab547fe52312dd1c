import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Database } from '../database/database.js';

const FLUSH_INTERVAL_MS = 10_000;

/** Records when keys were last used: in memory first, then in one statement every ten seconds and at shutdown. */
@Injectable()
export class ApiKeyUsage implements OnApplicationShutdown {
  readonly #logger = new Logger('ApiKeys');
  // Bounded by the number of keys: only ids of valid keys are recorded.
  #usedAtMs = new Map<number, number>();
  readonly #timer = setInterval(() => void this.flush(), FLUSH_INTERVAL_MS).unref();

  constructor(private readonly database: Database) {}

  note(id: number): void {
    this.#usedAtMs.set(id, Date.now());
  }

  /** Never rejects: a batch that cannot be written joins the next one. */
  async flush(): Promise<void> {
    if (this.#usedAtMs.size === 0) return;
    const batch = this.#usedAtMs;
    this.#usedAtMs = new Map();
    try {
      await this.database.transaction((manager) =>
        // Locks rows in id order, so two processes that write at once cannot deadlock.
        manager.query(
          `WITH used AS (
             SELECT id, to_timestamp(ms / 1000.0) AS at FROM unnest($1::integer[], $2::double precision[]) AS t (id, ms)
           ), locked AS (
             SELECT k.id, used.at FROM api_keys k JOIN used ON used.id = k.id ORDER BY k.id FOR UPDATE OF k
           )
           UPDATE api_keys k SET last_used_at = greatest(k.last_used_at, locked.at)
           FROM locked WHERE k.id = locked.id`,
          [[...batch.keys()], [...batch.values()]],
        ),
      );
    } catch (error) {
      this.#logger.debug(
        `Last use of API keys not written yet: ${error instanceof Error ? error.name : 'unknown'}`,
      );
      for (const [id, atMs] of batch) {
        this.#usedAtMs.set(id, Math.max(atMs, this.#usedAtMs.get(id) ?? 0));
      }
    }
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }
}
