import type { Logger } from '@nestjs/common';

/** Keeps failures and successes that alternate quickly from filling the log. */
const MIN_INTERVAL_MS = 5000;

/** Logs once when something begins to fail and once when it works again, however often it is tried in between. */
export class OutageLog {
  #failing = false;
  #loggedAt = Number.NEGATIVE_INFINITY;

  /** @param recovered logged when it works again; null to say nothing. */
  constructor(
    private readonly logger: Pick<Logger, 'log' | 'warn'>,
    private readonly recovered: string | null = null,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** @param message what fails and why. Never a text of PostgreSQL's: it can quote a row. */
  failed(message: string): void {
    if (this.#failing) return;
    const now = this.nowMs();
    if (now - this.#loggedAt < MIN_INTERVAL_MS) return;
    this.#loggedAt = now;
    this.#failing = true;
    this.logger.warn(message);
  }

  succeeded(): void {
    if (!this.#failing) return;
    this.#failing = false;
    if (this.recovered !== null) this.logger.log(this.recovered);
  }
}
