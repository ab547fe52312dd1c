import { Injectable } from '@nestjs/common';
import type {
  PublicKeyCredentialCreationOptionsJSON,
  RegistrationResponseJSON,
} from '@simplewebauthn/server';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { AuditLog } from '../audit/audit-log.js';
import { violatedUniqueConstraint } from '../database/database-errors.js';
import { Database } from '../database/database.js';
import { PasskeyNotFound, PasskeyRefused, TooManyPasskeys } from './factors.errors.js';
import { refusalOf } from './passkey-proofs.js';
import { dropCodesWithoutFactor, renewRecoveryCodes } from './recovery-codes.js';
import { RelyingParty } from './relying-party.js';
import { WebauthnChallenges } from './webauthn-challenges.js';
import { webauthn } from './webauthn.js';

export const MAX_PASSKEYS = 20;

const text = z.string().max(16_384);
const responseSchema = z.object({
  id: text,
  rawId: text,
  type: z.literal('public-key'),
  response: z.object({
    clientDataJSON: text,
    attestationObject: text,
    transports: z.array(z.string().max(20)).max(10).optional(),
  }),
});

export interface OwnPasskey {
  readonly id: number;
  readonly name: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
}

const VIEW = 'id, name, created_at AS "createdAt", last_used_at AS "lastUsedAt"';

/** A person's own passkeys. */
@Injectable()
export class PasskeysService {
  constructor(
    private readonly database: Database,
    private readonly challenges: WebauthnChallenges,
    private readonly party: RelyingParty,
    private readonly audit: AuditLog,
  ) {}

  list(userId: number): Promise<OwnPasskey[]> {
    return this.database.statement<OwnPasskey>(
      `SELECT ${VIEW} FROM passkeys WHERE user_id = $1 ORDER BY id`,
      [userId],
    );
  }

  /** For navigator.credentials.create(). */
  async options(userId: number, email: string): Promise<PublicKeyCredentialCreationOptionsJSON> {
    const known = await this.database.statement<{ id: string; transports: string[] }>(
      'SELECT credential_id AS id, transports FROM passkeys WHERE user_id = $1',
      [userId],
    );
    const { generateRegistrationOptions } = await webauthn();
    const options = await generateRegistrationOptions({
      rpName: this.party.name,
      rpID: this.party.id,
      userName: email,
      userID: new TextEncoder().encode(String(userId)),
      attestationType: 'none',
      excludeCredentials: known,
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    });
    await this.challenges.keep(options.challenge, userId);
    return options;
  }

  /**
   * From now on signing in with the password needs a second factor.
   *
   * @returns with the first factor, recovery codes too, which are shown only this once; else none.
   * @throws {PasskeyRefused | TooManyPasskeys}
   */
  async add(
    userId: number,
    name: string,
    response: unknown,
  ): Promise<OwnPasskey & { readonly recoveryCodes: readonly string[] }> {
    const { credential, transports } = await this.verified(userId, response);
    return this.database.transaction(async (manager) => {
      // One after the other, or two could go beyond the limit, or both make recovery codes.
      await manager.query('SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE', [userId]);
      const added = await this.insert(manager, [
        userId,
        credential.id,
        Buffer.from(credential.publicKey),
        credential.counter,
        transports,
        name,
      ]);
      await this.record(manager, 'second_factor.add', userId, added.id);
      const [{ has }] = await manager.query<[{ has: boolean }]>(
        'SELECT EXISTS (SELECT 1 FROM recovery_codes WHERE user_id = $1) AS has',
        [userId],
      );
      return { ...added, recoveryCodes: has ? [] : await renewRecoveryCodes(userId, manager) };
    });
  }

  /** @throws {PasskeyNotFound} the same for an absent one and another user's. */
  async rename(userId: number, id: number, name: string): Promise<OwnPasskey> {
    const [rows] = await this.database.transaction((manager) =>
      manager.query<[OwnPasskey[], number]>(
        `UPDATE passkeys SET name = $3 WHERE user_id = $1 AND id = $2 RETURNING ${VIEW}`,
        [userId, id, name],
      ),
    );
    if (rows[0] === undefined) throw new PasskeyNotFound();
    return rows[0];
  }

  /** With the last factor go the recovery codes. @throws {PasskeyNotFound} */
  async remove(userId: number, id: number): Promise<void> {
    await this.database.transaction(async (manager) => {
      await manager.query('SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE', [userId]);
      const [rows] = await manager.query<[unknown[], number]>(
        'DELETE FROM passkeys WHERE user_id = $1 AND id = $2 RETURNING id',
        [userId, id],
      );
      if (rows.length === 0) throw new PasskeyNotFound();
      await dropCodesWithoutFactor(userId, manager);
      await this.record(manager, 'second_factor.remove', userId, id);
    });
  }

  private async insert(manager: EntityManager, values: readonly unknown[]): Promise<OwnPasskey> {
    try {
      const [added] = await manager.query<OwnPasskey[]>(
        `INSERT INTO passkeys (user_id, credential_id, public_key, counter, transports, name)
         SELECT $1::integer, $2, $3, $4, $5, $6
         WHERE (SELECT count(*) FROM passkeys WHERE user_id = $1::integer) < ${MAX_PASSKEYS} RETURNING ${VIEW}`,
        [...values],
      );
      if (added === undefined) throw new TooManyPasskeys();
      return added;
    } catch (error) {
      throw violatedUniqueConstraint(error) === 'passkeys_credential_id_key' ? new PasskeyRefused() : error;
    }
  }

  private async record(
    manager: EntityManager,
    action: 'second_factor.add' | 'second_factor.remove',
    userId: number,
    id: number,
  ): Promise<void> {
    await this.audit.writeIn(manager, { action, outcome: 'done', userId, detail: `Passkey ${id}` });
  }

  private async verified(userId: number, response: unknown) {
    const parsed = responseSchema.safeParse(response);
    if (!parsed.success) throw new PasskeyRefused();
    const { verifyRegistrationResponse } = await webauthn();
    try {
      const { verified, registrationInfo } = await verifyRegistrationResponse({
        response: parsed.data as RegistrationResponseJSON,
        expectedChallenge: (challenge) => this.challenges.take(challenge, userId),
        expectedOrigin: this.party.origin,
        expectedRPID: this.party.id,
        requireUserVerification: true,
      });
      if (!verified) throw new PasskeyRefused();
      const { transports = [] } = parsed.data.response;
      return { credential: registrationInfo.credential, transports };
    } catch (error) {
      throw refusalOf(error);
    }
  }
}
