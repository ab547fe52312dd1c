import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';

const ms = (parameter: string): string => `${parameter}::float8 * interval '1 millisecond'`;
const FREE = '(refresh_leased_until IS NULL OR refresh_leased_until <= now())';

/**
 * Who may refresh a connection's token, and when, by the clock of the database. `refresh_at` is the time from which it is
 * due. A lease ends by itself.
 */
@Injectable()
export class RefreshLease {
  constructor(private readonly database: Database) {}

  /** @returns false if the token is no longer due, or another process is refreshing it. */
  take(platformId: number, leaseMs: number): Promise<boolean> {
    return this.lease(platformId, leaseMs, 'refresh_at <= now()');
  }

  /** As `take`, but also during a pause. Only for a token that has expired. */
  takeInPause(platformId: number, leaseMs: number): Promise<boolean> {
    return this.lease(platformId, leaseMs, 'refresh_at IS NOT NULL');
  }

  /** Also before it is due. Only for a token that the instance has refused. */
  takeEarly(platformId: number, leaseMs: number): Promise<boolean> {
    return this.lease(platformId, leaseMs, 'true');
  }

  /** Whether a process is refreshing the token. */
  async isTaken(platformId: number): Promise<boolean> {
    const rows = await this.database.statement(
      `SELECT 1 FROM platform_watch WHERE platform_id = $1 AND NOT ${FREE}`,
      [platformId],
    );
    return rows.length > 0;
  }

  /** Once the exchange is over, whatever came of it. */
  async end(platformId: number): Promise<void> {
    await this.database.statement(
      'UPDATE platform_watch SET refresh_leased_until = NULL WHERE platform_id = $1',
      [platformId],
    );
  }

  async pause(platformId: number, pauseMs: number): Promise<void> {
    await this.database.statement(
      `UPDATE platform_watch SET refresh_at = now() + ${ms('$2')} WHERE platform_id = $1 AND refresh_at IS NOT NULL`,
      [platformId, pauseMs],
    );
  }

  private async lease(platformId: number, leaseMs: number, condition: string): Promise<boolean> {
    const leased = await this.database.statement(
      `WITH leased AS (
         UPDATE platform_watch SET refresh_leased_until = now() + ${ms('$2')},
           refresh_at = CASE WHEN refresh_at <= now() THEN now() + ${ms('$2')} ELSE refresh_at END
         WHERE platform_id = $1 AND ${condition} AND ${FREE} RETURNING 1
       ) SELECT 1 FROM leased`,
      [platformId, leaseMs],
    );
    return leased.length > 0;
  }
}
