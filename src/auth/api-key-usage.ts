import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { Database } from '../database/database.js';
import { WriteBehind } from '../database/write-behind.js';

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
export class ApiKeyUsage extends WriteBehind {
  constructor(database: Database, clock: Clock) {
    super(database, clock, {
      intervalMs: 10_000,
      sql: FLUSH_SQL,
      what: 'The last use of API keys',
      logger: new Logger('ApiKeys'),
    });
  }
}
