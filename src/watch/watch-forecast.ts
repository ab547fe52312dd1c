import { Injectable, Logger } from '@nestjs/common';
import { AppConfig } from '../config/app-config.js';
import { Database } from '../database/database.js';

/** Counts are exact up to here, and not worth a longer look. */
const COUNT_BOUND = 10_001;
const MIN_INTERVAL_MS = 60_000;

export interface WatchFigures {
  /** Checks that are due, at instances that may be visited or not. */
  readonly due: number;
  /** Tokens of active connections by when they end; each of the last three includes those before it, but not the first. */
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

/** Checks that are due and tokens that expire, counted at most once a minute. No caller waits for the count. */
@Injectable()
export class WatchForecast {
  readonly #logger = new Logger('Watcher');
  #figures: WatchFigures | null = null;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly database: Database,
    private readonly config: AppConfig,
  ) {}

  /** The last count; an old one is renewed for the next caller. Null before the first count, and with watching off. */
  latest(): WatchFigures | null {
    if (this.config.watch.enabled && performance.now() - this.#readAt >= MIN_INTERVAL_MS) {
      this.#readAt = performance.now();
      this.read().then(
        (figures) => (this.#figures = figures),
        (error: unknown) => this.#logger.debug(`The forecast could not be made: ${String(error)}`),
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
