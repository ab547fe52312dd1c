import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { ServiceUnavailable } from '../common/domain-error.js';
import { AppConfig } from '../config/app-config.js';
import { WarmUpService } from './warm-up.service.js';

/** Maximum number of progress lines in the log per warm-up. */
const PROGRESS_LINES = 10;

/** Warms the cache in the background, after a start and on request, while the process serves requests. */
@Injectable()
export class WarmUpRunner implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #logger = new Logger('WarmUp');
  readonly #abort = new AbortController();
  #task: Promise<void> | null = null;

  constructor(
    private readonly warmUp: WarmUpService,
    private readonly config: AppConfig,
  ) {}

  onApplicationBootstrap(): void {
    if (this.config.cache.warmUsers > 0) this.begin(this.config.cache.warmUsers);
  }

  async onApplicationShutdown(): Promise<void> {
    this.#abort.abort();
    await this.#task;
  }

  /** @returns false if this process is already warming the cache. */
  begin(users: number): boolean {
    if (this.#task !== null) return false;
    this.#task = this.run(users).finally(() => {
      this.#task = null;
    });
    return true;
  }

  private async run(users: number): Promise<void> {
    try {
      const { done, filled } = await this.warmUp.run(users, {
        signal: this.#abort.signal,
        onProgress: ({ done, total }) => {
          const step = Math.ceil(total / PROGRESS_LINES);
          if (done % step === 0 && done < total) this.#logger.log(`Warmed ${done} of ${total} users.`);
        },
      });
      if (done > 0) this.#logger.log(`Warmed ${done} users; this process filled ${filled} entries.`);
    } catch (error) {
      if (error instanceof ServiceUnavailable) this.#logger.warn(`Gave up warming the cache: ${error.code}`);
      else this.#logger.error(error);
    }
  }
}
