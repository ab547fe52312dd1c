import { Injectable, Logger } from '@nestjs/common';
import { faultText } from '../common/fault-text.js';
import { AppConfig } from '../config/app-config.js';
import { Database } from '../database/database.js';

/** Counts stop here: an exact larger number is not worth the time. */
const COUNT_BOUND = 10_001;
const MIN_INTERVAL_MS = 60_000;

export interface WatchFigures {
  /** Checks that are due, including those at instances that must not be visited now. */
  readonly due: number;
  /** Active connections' tokens by expiry. `within7d` includes `within1d`, `within30d` both; none includes `expired`. */
  readonly expired: number;
  readonly within1d: number;
  readonly within7d: number;
  readonly within30d: number;
}

const FIGURES_SQL = `
  SELECT
    (SELECT count(*) FROM (
       SELECT 1 FROM platform_watch WHERE next_check_at <= now() LIMIT ${COUNT_BOUND}) AS bounded)::integer AS due,
    count(*) FILTER (WHERE ends <= now())::integer AS expired,
    count(*) FILTER (WHERE ends > now() AND ends <= now() + interval '1 day')::integer AS within1d,
    count(*) FILTER (WHERE ends > now() AND ends <= now() + interval '7 days')::integer AS within7d,
    count(*) FILTER (WHERE ends > now())::integer AS within30d
  FROM (
    SELECT token_expires_at AS ends FROM platform_connections
    WHERE is_active AND token_expires_at <= now() + interval '30 days'
  ) AS tokens`;

/** Counts due checks and expiring tokens, at most once a minute. Callers never wait for the count. */
@Injectable()
export class WatchForecast {
  readonly #logger = new Logger('Watcher');
  #figures: WatchFigures | null = null;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly database: Database,
    private readonly config: AppConfig,
  ) {}

  /** The last count. If it is old, starts a new one for later callers. Null before the first, or if watching is off. */
  latest(): WatchFigures | null {
    if (this.config.watch.enabled && performance.now() - this.#readAt >= MIN_INTERVAL_MS) {
      this.#readAt = performance.now();
      this.read().then(
        (figures) => (this.#figures = figures),
        (error: unknown) =>
          this.#logger.debug(`Could not count due checks and expiring tokens: ${faultText(error)}`),
      );
    }
    return this.#figures;
  }

  private async read(): Promise<WatchFigures> {
    const [row] = await this.database.statement<WatchFigures>(FIGURES_SQL);
    if (row === undefined) throw new Error('The forecast query returned no row.');
    return row;
  }
}
