import { Injectable, Logger } from '@nestjs/common';
import { faultText } from '../common/fault-text.js';
import { Database } from '../database/database.js';

/** Counts stop here: an exact larger number is not worth the time. A stream is of one webhook and one connection. */
const MAX_PENDING = 10_001;
const MAX_STREAMS = 1000;
const MIN_INTERVAL_MS = 10_000;

export interface BacklogFigures {
  /** Deliveries that wait for their first or next attempt. */
  readonly pending: number;
  /** Age of the oldest of them; 0 if none waits. */
  readonly lagSeconds: number;
}

// By streams, of which only the first delivery can be the oldest. A paused webhook waits for its owner, not for us:
// its streams are due at infinity.
const FIGURES_SQL = `
  WITH due AS MATERIALIZED (
    SELECT webhook_id, platform_id FROM webhook_streams WHERE due_at < 'infinity' ORDER BY due_at LIMIT ${MAX_STREAMS}
  ), streams AS MATERIALIZED (
    SELECT due.* FROM due CROSS JOIN LATERAL (
      SELECT FROM webhooks w LEFT JOIN users u ON u.id = w.user_id
      WHERE w.id = due.webhook_id AND u.disabled_at IS NULL LIMIT 1
    ) AS active
  )
  SELECT
    (SELECT count(*) FROM (
       SELECT 1 FROM streams s CROSS JOIN LATERAL (
         SELECT 1 FROM webhook_deliveries d WHERE d.webhook_id = s.webhook_id AND d.platform_id = s.platform_id
           AND d.status = 'pending' LIMIT ${MAX_PENDING}
       ) AS waiting LIMIT ${MAX_PENDING}) AS bounded)::integer AS pending,
    coalesce((
       SELECT extract(epoch FROM clock_timestamp() - min(first.created_at)) FROM streams s CROSS JOIN LATERAL (
         SELECT d.created_at FROM webhook_deliveries d WHERE d.webhook_id = s.webhook_id
           AND d.platform_id = s.platform_id AND d.status = 'pending' ORDER BY d.id LIMIT 1
       ) AS first), 0)::float8 AS "lagSeconds"`;

/** Counts what waits to be delivered, of all processes, at most every ten seconds. Callers never wait for the count. */
@Injectable()
export class WebhookBacklog {
  readonly #logger = new Logger('Webhooks');
  #figures: BacklogFigures | null = null;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly database: Database) {}

  /** The last count. If it is old, starts a new one for later callers. Null before the first. */
  latest(): BacklogFigures | null {
    if (performance.now() - this.#readAt >= MIN_INTERVAL_MS) {
      this.#readAt = performance.now();
      this.read().then(
        (figures) => (this.#figures = figures),
        (error: unknown) =>
          this.#logger.debug(`Could not count what waits to be delivered: ${faultText(error)}`),
      );
    }
    return this.#figures;
  }

  /** @throws {DatabaseBusy | DatabaseUnavailable} */
  async read(): Promise<BacklogFigures> {
    const [row] = await this.database.statement<BacklogFigures>(FIGURES_SQL);
    if (row === undefined) throw new Error('The backlog query returned no row.');
    return row;
  }
}
