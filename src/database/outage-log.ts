import { type Logger } from '@nestjs/common';

/** So that statements that fail and succeed in turn do not fill the log. */
const MIN_INTERVAL_MS = 5000;

/** One line when PostgreSQL stops answering and one when it answers again, however many requests meet it. */
export class OutageLog {
  #announced = false;
  #lastAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly logger: Pick<Logger, 'log' | 'warn'>,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** @param why goes into the log: no text of PostgreSQL's, which can quote a row. */
  failed(why: string): void {
    if (this.#announced) return;
    const now = this.nowMs();
    if (now - this.#lastAt < MIN_INTERVAL_MS) return;
    this.#lastAt = now;
    this.#announced = true;
    this.logger.warn(`PostgreSQL does not answer: ${why}. Cached reads go on, everything else is refused.`);
  }

  succeeded(): void {
    if (!this.#announced) return;
    this.#announced = false;
    this.logger.log('PostgreSQL answers again.');
  }
}
