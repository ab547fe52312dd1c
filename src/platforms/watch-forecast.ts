import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.service.js';

/** Counts are exact up to here, and not worth a longer look. */
const COUNT_BOUND = 10_001;

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

/** What lies ahead, for whoever looks after the deployment. */
@Injectable()
export class WatchForecast {
  constructor(private readonly database: Database) {}

  async read(): Promise<WatchFigures> {
    const [row] = await this.database.statement<WatchFigures>(FIGURES_SQL);
    if (row === undefined) throw new Error('The forecast query returned no row.');
    return row;
  }
}
