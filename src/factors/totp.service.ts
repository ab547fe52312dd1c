import { Injectable } from '@nestjs/common';
import { Secret } from 'otpauth';
import { AuditLog } from '../audit/audit-log.js';
import { Database } from '../database/database.js';
import { TotpEnabled, TotpNotFound, WrongCode } from './factors.errors.js';
import { dropCodesWithoutFactor, renewRecoveryCodes } from './recovery-codes.js';
import { SecondFactors, authenticator } from './second-factors.js';
import { TotpCipher } from './totp-cipher.js';

/** Of 160 bits, as RFC 4226 recommends. */
const SECRET_BYTES = 20;

export interface TotpState {
  /** Null: no app is in use. */
  readonly since: Date | null;
  readonly recoveryCodesLeft: number;
}

/** A person's own authenticator app. */
@Injectable()
export class TotpService {
  constructor(
    private readonly database: Database,
    private readonly cipher: TotpCipher,
    private readonly factors: SecondFactors,
    private readonly audit: AuditLog,
  ) {}

  async state(userId: number): Promise<TotpState> {
    const [state] = await this.database.statement<TotpState>(
      `SELECT (SELECT confirmed_at FROM totp_factors WHERE user_id = $1) AS since,
         (SELECT count(*)::integer FROM recovery_codes WHERE user_id = $1) AS "recoveryCodesLeft"`,
      [userId],
    );
    return state ?? { since: null, recoveryCodesLeft: 0 };
  }

  /**
   * Begins to set one up. Until a code of it has been sent it does not count, and beginning again replaces it.
   *
   * @param email that the app shows.
   * @throws {TotpEnabled}
   */
  async begin(userId: number, email: string): Promise<{ secret: string; uri: string }> {
    const secret = new Secret({ size: SECRET_BYTES }).base32;
    const [begun] = await this.database.transaction((manager) =>
      manager.query<unknown[]>(
        `INSERT INTO totp_factors AS known (user_id, secret, key_id) VALUES ($1, $2, $3)
         ON CONFLICT (user_id) DO UPDATE SET secret = $2, key_id = $3, last_step = NULL
         WHERE known.confirmed_at IS NULL RETURNING user_id`,
        [userId, this.cipher.encrypt(userId, secret), this.cipher.primaryKeyId],
      ),
    );
    if (begun === undefined) throw new TotpEnabled();
    return { secret, uri: authenticator(secret, email).toString() };
  }

  /**
   * From now on signing in needs a code.
   *
   * @returns the recovery codes, which are shown only this once.
   * @throws {TotpEnabled | TotpNotFound | WrongCode}
   */
  confirm(userId: number, code: string): Promise<string[]> {
    return this.database.transaction(async (manager) => {
      const [known] = await manager.query<{ confirmed: boolean }[]>(
        'SELECT confirmed_at IS NOT NULL AS confirmed FROM totp_factors WHERE user_id = $1 FOR UPDATE',
        [userId],
      );
      if (known === undefined) throw new TotpNotFound();
      if (known.confirmed) throw new TotpEnabled();
      if (!(await this.factors.useTotp(userId, code, false, manager))) throw new WrongCode();
      await manager.query('UPDATE totp_factors SET confirmed_at = now() WHERE user_id = $1', [userId]);
      const record = { action: 'second_factor.add', outcome: 'done', userId } as const;
      await this.audit.writeIn(manager, { ...record, detail: 'Authenticator app' });
      return renewRecoveryCodes(userId, manager);
    });
  }

  /** Replaces the recovery codes. @throws {TotpNotFound} */
  renewCodes(userId: number): Promise<string[]> {
    return this.database.transaction(async (manager) => {
      const [known] = await manager.query<unknown[]>(
        `SELECT 1 FROM users u WHERE id = $1 AND (
           EXISTS (SELECT 1 FROM totp_factors WHERE user_id = u.id AND confirmed_at IS NOT NULL)
           OR EXISTS (SELECT 1 FROM passkeys WHERE user_id = u.id)) FOR NO KEY UPDATE`,
        [userId],
      );
      if (known === undefined) throw new TotpNotFound();
      await this.audit.writeIn(manager, { action: 'second_factor.codes', outcome: 'renewed', userId });
      return renewRecoveryCodes(userId, manager);
    });
  }

  /** With the recovery codes, if there is no passkey. @throws {TotpNotFound} */
  async remove(userId: number): Promise<void> {
    await this.database.transaction(async (manager) => {
      await manager.query('SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE', [userId]);
      const [removed] = await manager.query<[unknown[], number]>(
        'DELETE FROM totp_factors WHERE user_id = $1 RETURNING user_id',
        [userId],
      );
      if (removed.length === 0) throw new TotpNotFound();
      await dropCodesWithoutFactor(userId, manager);
      const record = { action: 'second_factor.remove', outcome: 'done', userId } as const;
      await this.audit.writeIn(manager, { ...record, detail: 'Authenticator app' });
    });
  }
}
