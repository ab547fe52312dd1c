import { Injectable, Logger } from '@nestjs/common';
import { AppConfig } from '../config/app-config.js';
import { WatchForecast, type WatchFigures } from '../platforms/watch-forecast.js';

const LOOK_INTERVAL_MS = 60_000;

/** What lies ahead, counted at most once a minute and never while somebody waits. */
@Injectable()
export class WatchOutlook {
  readonly #logger = new Logger('Watcher');
  #figures: WatchFigures | null = null;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly forecast: WatchForecast,
    private readonly config: AppConfig,
  ) {}

  /** As of the last look; one that is old is renewed for the next caller. Null before the first, and without watching. */
  latest(): WatchFigures | null {
    if (this.config.watch.enabled && performance.now() - this.#lookedAt >= LOOK_INTERVAL_MS) {
      this.#lookedAt = performance.now();
      this.forecast.read().then(
        (figures) => (this.#figures = figures),
        (error: unknown) => this.#logger.debug(`The forecast could not be made: ${String(error)}`),
      );
    }
    return this.#figures;
  }
}
