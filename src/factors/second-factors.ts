import { Injectable } from '@nestjs/common';
import { Secret, TOTP } from 'otpauth';
import type { EntityManager } from 'typeorm';
import { Clock } from '../common/clock.js';
import { Database } from '../database/database.js';
import { normalCode, useRecoveryCode } from './recovery-codes.js';
import { TotpCipher } from './totp-cipher.js';

const ISSUER = 'Platform Manager';
const STEP_SECONDS = 30;
/** Steps before and after the current one whose codes count: clocks of phones are wrong, and people take time to type. */
const WINDOW_STEPS = 1;

export type UsedFactor = 'totp' | 'recovery_code';

/** An authenticator app, as apps understand it (RFC 6238 with the values that all of them have). */
export function authenticator(secret: string, label = ''): TOTP {
  return new TOTP({ issuer: ISSUER, label, secret: Secret.fromBase32(secret), period: STEP_SECONDS });
}

/** What somebody has beside the password. */
@Injectable()
export class SecondFactors {
  constructor(
    private readonly database: Database,
    private readonly cipher: TotpCipher,
    private readonly clock: Clock,
  ) {}

  /** Whether signing in with the password alone is not enough. */
  async has(userId: number): Promise<boolean> {
    const rows = await this.database.statement(
      `SELECT 1 FROM totp_factors WHERE user_id = $1 AND confirmed_at IS NOT NULL
       UNION ALL SELECT 1 FROM passkeys WHERE user_id = $1 LIMIT 1`,
      [userId],
    );
    return rows.length > 0;
  }

  /**
   * Uses up a code of the app, or a recovery code. Of two transactions with the same code one gets null.
   *
   * @returns what it was; null if it is wrong, or has been used.
   */
  async use(userId: number, code: string, manager: EntityManager): Promise<UsedFactor | null> {
    const typed = normalCode(code);
    if (/^\d{6}$/.test(typed)) {
      return (await this.useTotp(userId, typed, true, manager)) ? 'totp' : null;
    }
    return (await useRecoveryCode(userId, typed, manager)) ? 'recovery_code' : null;
  }

  /** @param isConfirmed false while the app is being set up. */
  async useTotp(
    userId: number,
    token: string,
    isConfirmed: boolean,
    manager: EntityManager,
  ): Promise<boolean> {
    const [factor] = await manager.query<{ secret: string; lastStep: number | null }[]>(
      `SELECT secret, last_step AS "lastStep" FROM totp_factors
       WHERE user_id = $1 AND (confirmed_at IS NOT NULL) = $2 FOR UPDATE`,
      [userId, isConfirmed],
    );
    const secret = factor && this.cipher.decrypt(userId, factor.secret);
    if (factor === undefined || secret === undefined || secret === null) return false;
    const timestamp = this.clock.now().getTime();
    const delta = authenticator(secret).validate({ token, timestamp, window: WINDOW_STEPS });
    if (delta === null) return false;
    const step = Math.floor(timestamp / 1000 / STEP_SECONDS) + delta;
    if (factor.lastStep !== null && step <= factor.lastStep) return false;
    await manager.query('UPDATE totp_factors SET last_step = $2 WHERE user_id = $1', [userId, step]);
    return true;
  }
}
