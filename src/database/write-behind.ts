import type { Logger, OnApplicationShutdown } from '@nestjs/common';
import type { Clock } from '../common/clock.js';
import { OutageLog } from '../common/outage-log.js';
import type { Database } from './database.js';

/** Entries that may wait; further ones are written at once or, while a write is under way, forgotten. */
const MAX_PENDING = 10_000;

export interface WriteBehindOptions {
  /** Milliseconds that an entry may wait. */
  readonly intervalMs: number;
  /** One statement for all entries. Parameters: the ids, and their times in the same order. */
  readonly sql: string;
  /** For the log, such as "lastUsed". */
  readonly what: string;
  readonly logger: Pick<Logger, 'log' | 'warn'>;
}

/**
 * Collects when something was used, by id, in memory and writes it in batches: bookkeeping that no request should wait
 * for. It may be lost when the process is killed.
 */
export abstract class WriteBehind implements OnApplicationShutdown {
  readonly #outage: OutageLog;
  #pending = new Map<number, Date>();
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;

  protected constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly options: WriteBehindOptions,
  ) {
    this.#outage = new OutageLog(options.logger);
  }

  /** It is used now. Never waits, never throws. */
  note(id: number): void {
    if (this.#pending.size >= MAX_PENDING && !this.#pending.has(id)) {
      if (this.#flushing !== undefined) return;
      void this.flush();
    }
    this.#pending.set(id, this.clock.now());
    this.#schedule();
  }

  /** Writes what is pending. A failed batch stays pending, within the bound. */
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

  /** Writes what is pending, and schedules nothing any more. */
  async onApplicationShutdown(): Promise<void> {
    await this.flush();
    clearTimeout(this.#timer);
  }

  async #write(batch: ReadonlyMap<number, Date>): Promise<void> {
    const { sql, what } = this.options;
    try {
      await this.database.statement(sql, [[...batch.keys()], [...batch.values()]]);
      this.#outage.succeeded();
    } catch (error) {
      this.#outage.failed(
        `${what} cannot be written: ${error instanceof Error ? error.name : 'unknown error'}`,
      );
      for (const [id, at] of batch) {
        if (this.#pending.size >= MAX_PENDING) break;
        if (!this.#pending.has(id)) this.#pending.set(id, at);
      }
      this.#schedule();
    }
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => void this.flush(), this.options.intervalMs).unref();
  }
}
