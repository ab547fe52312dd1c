import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';

const ms = (parameter: string): string => `${parameter}::float8 * interval '1 millisecond'`;

/**
 * Who may refresh a connection's token, and when, by the clock of the database. `refresh_at` is the time from which it is
 * due. A lease moves it to its own end, and a pause further, so it expires by itself.
 */
@Injectable()
export class RefreshLease {
  constructor(private readonly database: Database) {}

  /** @returns false if the token is no longer due, or another process is refreshing it. */
  take(platformId: number, leaseMs: number): Promise<boolean> {
    return this.update(platformId, leaseMs, 'refresh_at <= now()');
  }

  /** As `take`, but also during a pause. Only for a token that has expired. */
  takeInPause(platformId: number, leaseMs: number): Promise<boolean> {
    // Nobody's lease ends later than one that begins now.
    return this.update(platformId, leaseMs, `(refresh_at <= now() OR refresh_at > now() + ${ms('$2')})`);
  }

  /** Whether a process is refreshing the token. */
  async isTaken(platformId: number, leaseMs: number): Promise<boolean> {
    const rows = await this.database.statement(
      `SELECT 1 FROM platform_watch
       WHERE platform_id = $1 AND refresh_at > now() AND refresh_at <= now() + ${ms('$2')}`,
      [platformId, leaseMs],
    );
    return rows.length > 0;
  }

  async pause(platformId: number, pauseMs: number): Promise<void> {
    await this.database.statement(
      `UPDATE platform_watch SET refresh_at = now() + ${ms('$2')} WHERE platform_id = $1 AND refresh_at IS NOT NULL`,
      [platformId, pauseMs],
    );
  }

  private async update(platformId: number, leaseMs: number, condition: string): Promise<boolean> {
    const leased = await this.database.statement(
      `WITH leased AS (
         UPDATE platform_watch SET refresh_at = now() + ${ms('$2')}
         WHERE platform_id = $1 AND ${condition} RETURNING 1
       ) SELECT 1 FROM leased`,
      [platformId, leaseMs],
    );
    return leased.length > 0;
  }
}
