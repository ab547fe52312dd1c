import { Injectable } from '@nestjs/common';
import { hashOf, matchesHash, mayBeSecret, newSecret } from '../common/secrets.js';
import { KeyRing } from '../crypto/key-ring.js';
import { readable } from '../crypto/readable.js';
import { Database } from '../database/database.js';
import { ConnectAttempt } from './connect-attempt.entity.js';
import { InvalidConnectState } from './connect.errors.js';

/** Time to sign in at the instance, enter a second factor and read the consent page. */
export const ATTEMPT_TTL_SECONDS = 600;
const MAX_PER_USER = 20;
const PURGED_PER_ATTEMPT = 100;

/** With the verifier in plain text. */
export type Attempt = Readonly<
  Pick<ConnectAttempt, 'userId' | 'origin' | 'clientId' | 'verifier' | 'name' | 'returnTo' | 'renewed'>
>;

/**
 * Pending OAuth attempts, looked up by `state`. An attempt works once, until it expires, for one user, in the browser
 * that started it. The database's clock decides, so that all processes agree on expiry.
 */
@Injectable()
export class ConnectAttempts {
  constructor(
    private readonly database: Database,
    private readonly ring: KeyRing,
  ) {}

  /** @returns the `state`. */
  async begin(attempt: Attempt, browser: string): Promise<string> {
    const state = newSecret();
    const { userId, origin, clientId, verifier, name, returnTo, renewed } = attempt;
    await this.database.transaction(async (manager) => {
      await manager.query(
        `DELETE FROM connect_attempts WHERE state_hash IN (
           SELECT state_hash FROM connect_attempts WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED
         )`,
        [PURGED_PER_ATTEMPT],
      );
      await manager.query(
        `DELETE FROM connect_attempts WHERE state_hash IN (
           SELECT state_hash FROM connect_attempts WHERE user_id = $1 ORDER BY expires_at DESC OFFSET $2
         )`,
        [userId, MAX_PER_USER - 1],
      );
      await manager.query(
        `INSERT INTO connect_attempts
           (state_hash, browser_hash, user_id, origin, client_id, verifier, name, return_to, renewed, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + make_interval(secs => $10))`,
        [
          ...[hashOf(state), hashOf(browser), userId, origin, clientId, this.ring.encrypt(verifier)],
          ...[name, returnTo, renewed, ATTEMPT_TTL_SECONDS],
        ],
      );
    });
    return state;
  }

  /**
   * Consumes an attempt. A callback from another browser consumes it too, because its state has leaked.
   *
   * @throws {InvalidConnectState} the same error whether the state is missing, unknown, used, expired or from another
   *   browser, or its key has left the ring. Attempts are too short-lived to be re-encrypted by a key rotation.
   */
  async take(state: string | undefined, browser: string | undefined): Promise<Attempt> {
    if (state === undefined || !mayBeSecret(state)) throw new InvalidConnectState();
    const attempt = await this.database.transaction(async (manager) => {
      const found = await manager.findOne(ConnectAttempt, {
        where: { stateHash: hashOf(state) },
        lock: { mode: 'pessimistic_write' },
      });
      if (found === null) return null;
      const [, removed] = await manager.query<[unknown[], number]>(
        'DELETE FROM connect_attempts WHERE state_hash = $1 AND expires_at > now()',
        [found.stateHash],
      );
      return removed === 1 ? found : null;
    });
    if (attempt === null || browser === undefined || !matchesHash(browser, attempt.browserHash)) {
      throw new InvalidConnectState();
    }
    const verifier = readable(() => this.ring.decrypt(attempt.verifier));
    if (verifier === null) throw new InvalidConnectState();
    const { userId, origin, clientId, name, returnTo, renewed } = attempt;
    return { userId, origin, clientId, verifier, name, returnTo, renewed };
  }
}
