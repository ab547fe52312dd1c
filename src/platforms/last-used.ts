import { type BeforeApplicationShutdown, Injectable, Logger } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { Database } from '../database/database.js';

const FLUSH_INTERVAL_MS = 5000;
/** Connections that may wait to be written; the next ones are written at once or, without a database, forgotten. */
const MAX_PENDING = 10_000;

// A row that is being written by somebody else is left out: waiting for it, while holding others, could be a deadlock.
// Its use shows with the next one.
const FLUSH_SQL = `
  UPDATE platform_connections p SET last_used = used.at
  FROM (
    SELECT c.id, given.at
    FROM unnest($1::integer[], $2::timestamptz[]) AS given (id, at) JOIN platform_connections c ON c.id = given.id
    WHERE c.last_used IS NULL OR c.last_used < given.at
    ORDER BY c.id FOR NO KEY UPDATE OF c SKIP LOCKED
  ) AS used
  WHERE p.id = used.id`;

/** When connections were last used, written in batches: one statement for whatever was used in some seconds. */
@Injectable()
export class LastUsed implements BeforeApplicationShutdown {
  readonly #logger = new Logger('LastUsed');
  #pending = new Map<number, Date>();
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;
  #failing = false;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** Connections that wait to be written. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Never waits, never throws. */
  touch(platformId: number): void {
    if (this.#pending.size >= MAX_PENDING && !this.#pending.has(platformId)) {
      if (this.#flushing !== undefined) return;
      void this.flush();
    }
    this.#pending.set(platformId, this.clock.now());
    if (this.#timer === undefined) {
      this.#timer = setTimeout(() => void this.flush(), FLUSH_INTERVAL_MS);
      this.#timer.unref();
    }
  }

  /** Writes what is pending. What a failing database does not take stays pending, within the bound. */
  async flush(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#pending.size === 0) return;
    const batch = this.#pending;
    this.#pending = new Map();
    this.#flushing = this.#write(batch).finally(() => (this.#flushing = undefined));
    await this.#flushing;
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.flush();
    clearTimeout(this.#timer);
  }

  async #write(batch: ReadonlyMap<number, Date>): Promise<void> {
    try {
      await this.database.statement(FLUSH_SQL, [[...batch.keys()], [...batch.values()]]);
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) {
        this.#logger.warn(
          `lastUsed cannot be written: ${error instanceof Error ? error.name : 'unknown error'}`,
        );
      }
      this.#failing = true;
      for (const [id, at] of batch) {
        if (this.#pending.size >= MAX_PENDING) break;
        if (!this.#pending.has(id)) this.#pending.set(id, at);
      }
      this.#timer ??= setTimeout(() => void this.flush(), FLUSH_INTERVAL_MS).unref();
    }
  }
}
