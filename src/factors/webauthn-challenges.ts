import { Injectable } from '@nestjs/common';
import { hashOf } from '../common/secrets.js';
import { Database } from '../database/database.js';

/** Longer than browsers wait for a person: they are told a minute. */
const LIFE_SECONDS = 300;
/** Expired ones deleted with each new one. */
const PURGED = 10;

/** Random values that a passkey signs. Each works once; the database's clock decides. */
@Injectable()
export class WebauthnChallenges {
  constructor(private readonly database: Database) {}

  /** @param userId who registers a passkey; null for a proof. */
  async keep(challenge: string, userId: number | null): Promise<void> {
    await this.database.statement(
      `WITH purged AS (
         DELETE FROM webauthn_challenges WHERE challenge_hash IN (
           SELECT challenge_hash FROM webauthn_challenges WHERE expires_at < now() ORDER BY expires_at LIMIT ${PURGED}
           FOR UPDATE SKIP LOCKED)
       )
       INSERT INTO webauthn_challenges (challenge_hash, user_id, expires_at)
       VALUES ($1, $2, now() + make_interval(secs => ${LIFE_SECONDS})) RETURNING 1`,
      [hashOf(challenge), userId],
    );
  }

  /** Uses it up. @returns whether it was there, for the same purpose. */
  async take(challenge: string, userId: number | null): Promise<boolean> {
    const taken = await this.database.transaction(async (manager) => {
      const [rows] = await manager.query<[unknown[], number]>(
        `DELETE FROM webauthn_challenges
         WHERE challenge_hash = $1 AND user_id IS NOT DISTINCT FROM $2::integer AND expires_at > now() RETURNING 1`,
        [hashOf(challenge), userId],
      );
      return rows;
    });
    return taken.length > 0;
  }
}
