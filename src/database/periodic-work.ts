import { Logger } from '@nestjs/common';
import { faultText } from '../common/fault-text.js';
import { OutageLog } from '../common/outage-log.js';
import { SingleRun } from '../common/single-run.js';

export interface PeriodicWorkOptions {
  readonly intervalMs: number;
  /** Context in the log. */
  readonly logger: string;
  /** What has happened when it fails, such as "Old deliveries could not be removed". */
  readonly failed: string;
  /** What is logged when it works again. */
  readonly again: string;
}

/** Work of the background: every so often, one run at a time. What fails is done the next time, and logged once an outage. */
export class PeriodicWork {
  readonly #runs = new SingleRun(() => this.#run());
  readonly #outage: OutageLog;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** @param work a run should end early once `stopped` is true. */
  constructor(
    private readonly work: () => Promise<unknown>,
    private readonly options: PeriodicWorkOptions,
  ) {
    this.#outage = new OutageLog(new Logger(options.logger), options.again);
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  start(): void {
    this.#timer = setInterval(() => this.#runs.request(), this.options.intervalMs).unref();
  }

  /** Waits for the run that is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#runs.idle();
  }

  async #run(): Promise<void> {
    // One more may have been asked for during the last.
    if (this.#stopped) return;
    try {
      await this.work();
      this.#outage.succeeded();
    } catch (error) {
      this.#outage.failed(`${this.options.failed}: ${faultText(error)}`);
    }
  }
}
