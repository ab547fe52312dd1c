import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { AppConfig } from '../config/app-config.js';
import { WatchRounds } from './watch-rounds.js';

/** Starts and stops the watching with the application. */
@Injectable()
export class WatchRunner implements OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(
    private readonly rounds: WatchRounds,
    private readonly config: AppConfig,
  ) {}

  onApplicationBootstrap(): void {
    if (this.config.watch.enabled) this.rounds.start();
  }

  /** Runs before the database and the cache close. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.rounds.stop();
  }
}
