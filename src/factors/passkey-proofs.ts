import { Injectable } from '@nestjs/common';
import type {
  AuthenticationResponseJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/server';
import { z } from 'zod';
import { DomainError } from '../common/domain-error.js';
import { Database } from '../database/database.js';
import { PasskeyRefused } from './factors.errors.js';
import { RelyingParty } from './relying-party.js';
import { WebauthnChallenges } from './webauthn-challenges.js';
import { webauthn } from './webauthn.js';

const text = z.string().max(8192);
const responseSchema = z.object({
  id: text,
  rawId: text,
  type: z.literal('public-key'),
  response: z.object({
    clientDataJSON: text,
    authenticatorData: text,
    signature: text,
    userHandle: text.optional(),
  }),
});

interface Row {
  readonly id: number;
  readonly userId: number;
  readonly publicKey: Buffer;
  readonly counter: string;
}

/** A passkey that somebody has just used. */
export interface PasskeyProof {
  readonly userId: number;
  readonly passkeyId: number;
}

/** Proofs by passkeys. The device has asked its person for a finger, a face or a PIN: no password is needed beside it. */
@Injectable()
export class PasskeyProofs {
  constructor(
    private readonly database: Database,
    private readonly challenges: WebauthnChallenges,
    private readonly party: RelyingParty,
  ) {}

  /** For navigator.credentials.get(). Names no account, so it tells nothing about any. */
  async options(): Promise<PublicKeyCredentialRequestOptionsJSON> {
    const { generateAuthenticationOptions } = await webauthn();
    const options = await generateAuthenticationOptions({
      rpID: this.party.id,
      userVerification: 'required',
    });
    await this.challenges.keep(options.challenge, null);
    return options;
  }

  /** @throws {PasskeyRefused} for whatever reason: its challenge is used up all the same. */
  async verify(response: unknown): Promise<PasskeyProof> {
    const parsed = responseSchema.safeParse(response);
    if (!parsed.success) throw new PasskeyRefused();
    const { data } = parsed;
    const [row] = await this.database.statement<Row>(
      `SELECT id, user_id AS "userId", public_key AS "publicKey", counter FROM passkeys WHERE credential_id = $1`,
      [data.id],
    );
    if (row === undefined) throw new PasskeyRefused();
    const counter = await this.counterOf(data as AuthenticationResponseJSON, row);
    // Of two uses of one state of a device that counts, the second is a copy.
    const used = await this.database.statement(
      `WITH used AS (
         UPDATE passkeys SET counter = $2, last_used_at = now()
         WHERE id = $1 AND ($2::bigint = 0 OR counter < $2::bigint) RETURNING id
       ) SELECT id FROM used`,
      [row.id, counter],
    );
    if (used.length === 0) throw new PasskeyRefused();
    return { userId: row.userId, passkeyId: row.id };
  }

  private async counterOf(
    response: AuthenticationResponseJSON,
    { publicKey, counter }: Row,
  ): Promise<number> {
    const { verifyAuthenticationResponse } = await webauthn();
    let known = false;
    try {
      const { verified, authenticationInfo } = await verifyAuthenticationResponse({
        response,
        expectedChallenge: async (challenge) => (known = await this.challenges.take(challenge, null)),
        expectedOrigin: this.party.origin,
        expectedRPID: this.party.id,
        credential: {
          id: response.id,
          publicKey: new Uint8Array(publicKey),
          counter: Number(counter),
        },
        requireUserVerification: true,
      });
      if (verified && known) return authenticationInfo.newCounter;
    } catch (error) {
      throw refusalOf(error);
    }
    throw new PasskeyRefused();
  }
}

/** The library throws plain errors for what does not fit; ours, such as an outage of the database, go on. */
export function refusalOf(error: unknown): unknown {
  return error instanceof DomainError ? error : new PasskeyRefused();
}
