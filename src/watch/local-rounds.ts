import { WatchRounds } from './watch-rounds.js';
import type { Watcher } from './watcher.js';

export interface LocalRoundsOptions {
  readonly roundMs: number;
  /** Number of instances visited at the same time. */
  readonly concurrency: number;
}

/**
 * Rounds in this process, without a queue. Several processes can do this on one database, because checks claimed by one
 * are hidden from the others.
 */
export class LocalRounds extends WatchRounds {
  readonly #abort = new AbortController();
  readonly #waiting = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(
    private readonly watcher: Watcher,
    private readonly options: LocalRoundsOptions,
  ) {
    super();
  }

  start(): void {
    this.#timer = setInterval(() => void this.look(), this.options.roundMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#abort.abort();
    this.#waiting.clear();
    await this.#looking;
    await Promise.all(this.#running.values());
  }

  /** Runs one round: finds the due instances and waits for all visits. */
  async round(): Promise<void> {
    await this.look();
    while (this.#running.size > 0) await Promise.race(this.#running.values());
  }

  /** A visit may take longer than a round, so a round may find an instance that still waits. It is added only once. */
  private look(): Promise<void> {
    this.#looking ??= this.watcher
      .due()
      .then((origins) => {
        for (const origin of origins) if (!this.#running.has(origin)) this.#waiting.add(origin);
        this.fill();
      })
      .finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  private fill(): void {
    for (const origin of this.#waiting) {
      if (this.#abort.signal.aborted || this.#running.size >= this.options.concurrency) return;
      this.#waiting.delete(origin);
      const visit = this.watcher.visit(origin, this.#abort.signal).then(() => {
        this.#running.delete(origin);
        this.fill();
      });
      this.#running.set(origin, visit);
    }
  }
}
