import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { Database } from '../database/database.js';
import { WriteBehind } from '../database/write-behind.js';

// A row that another transaction is writing is skipped: waiting for it while holding others could be a deadlock. Its use
// shows with the next one.
const FLUSH_SQL = `
  UPDATE platform_connections p SET last_used = used.at
  FROM (
    SELECT c.id, given.at
    FROM unnest($1::integer[], $2::timestamptz[]) AS given (id, at) JOIN platform_connections c ON c.id = given.id
    WHERE c.last_used IS NULL OR c.last_used < given.at
    ORDER BY c.id FOR NO KEY UPDATE OF c SKIP LOCKED
  ) AS used
  WHERE p.id = used.id`;

/** When connections were last used. */
@Injectable()
export class LastUsed extends WriteBehind {
  constructor(database: Database, clock: Clock) {
    super(database, clock, {
      intervalMs: 5000,
      sql: FLUSH_SQL,
      what: 'lastUsed',
      logger: new Logger('LastUsed'),
    });
  }
}
