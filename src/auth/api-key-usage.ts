import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { Database } from '../database/database.js';
import { WriteBehind } from '../database/write-behind.js';

const FLUSH_INTERVAL_MS = 10_000;

// Locks rows in id order, so two processes that write at once cannot deadlock.
const FLUSH_SQL = `
  WITH used AS (
    SELECT id, at FROM unnest($1::integer[], $2::timestamptz[]) AS t (id, at)
  ), locked AS (
    SELECT k.id, used.at FROM api_keys k JOIN used ON used.id = k.id ORDER BY k.id FOR UPDATE OF k
  )
  UPDATE api_keys k SET last_used_at = greatest(k.last_used_at, locked.at) FROM locked WHERE k.id = locked.id`;

/** When API keys were last used. */
@Injectable()
export class ApiKeyUsage implements OnApplicationShutdown {
  readonly #times: WriteBehind;

  constructor(
    database: Database,
    private readonly clock: Clock,
  ) {
    this.#times = new WriteBehind({
      intervalMs: FLUSH_INTERVAL_MS,
      write: (times) => database.statement(FLUSH_SQL, [[...times.keys()], [...times.values()]]),
      what: 'The last use of API keys',
      logger: new Logger('ApiKeys'),
    });
  }

  /** Never waits, never throws. */
  note(id: number): void {
    this.#times.note(id, this.clock.now());
  }

  flush(): Promise<void> {
    return this.#times.flush();
  }

  onApplicationShutdown(): Promise<void> {
    return this.#times.close();
  }
}
