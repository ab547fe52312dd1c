import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Clock } from '../common/clock.js';
import { hashOf, mayBeSecret, newSecret } from '../common/secrets.js';
import { KeyRing } from '../crypto/key-ring.js';
import { Database } from '../database/database.js';
import { isIssuer } from '../instances/authorization-server.js';
import { BlueskyOAuth } from '../instances/bluesky/bluesky-oauth.js';
import type { TokenGrant } from '../instances/token-reply.js';
import type { Labels } from '../platforms/labels.js';
import { answerSchema, open, seal, secretsSchema } from './attempt-secrets.js';
import { type Callback, cameByOwn } from './callback.js';
import { ConnectAttempt } from './connect-attempt.entity.js';
import { AttemptNotFound, InvalidConnectState } from './connect.errors.js';

/** Time to sign in at the instance, enter a second factor, read the consent page and finish. */
export const ATTEMPT_TTL_SECONDS = 600;
const MAX_PER_USER = 20;
const PURGED_PER_ATTEMPT = 100;

/** With the verifier in plain text. */
export type Attempt = Readonly<
  Pick<ConnectAttempt, 'userId' | 'linkId' | 'origin' | 'clientId' | 'verifier' | 'name' | 'returnTo'>
> & {
  /** Of a registration that serves this attempt only; null if it is one for all. */
  readonly clientSecret: string | null;
  /** Whether the user wants an account that they choose at the instance. */
  readonly forceLogin: boolean;
  /** Of a new connection. */
  readonly labels: Labels;
};

/** What a user wants, before the consent is prepared. */
export type WantedAttempt = Omit<Attempt, 'clientId' | 'clientSecret' | 'verifier'>;

/** An attempt that its user finishes, with what the callback brought. */
export type AnsweredAttempt = Omit<Attempt, 'returnTo'> & {
  readonly code: string;
  readonly iss: string | null;
  /** The tokens that an earlier call exchanged the code for; null in the first call. */
  readonly grant: TokenGrant | null;
  /** To hold the attempt. */
  readonly row: ConnectAttempt;
};

/** `attempt`, the secret that finishes it, is null if the instance reported an error or sent no code: then it is over. */
export type Received = Readonly<Pick<ConnectAttempt, 'returnTo'>> & { readonly attempt: string | null };

const TAKE_SQL = `
  WITH taken AS (
    DELETE FROM connect_attempts
    WHERE attempt_hash = $1 AND expires_at > now() AND (
      user_id = $2 AND link_id IS NULL AND ($3::text[] = '{}' OR encode(browser_hash, 'hex') = ANY($3::text[]))
      OR $2::integer IS NULL AND link_id IS NOT NULL AND encode(browser_hash, 'hex') = ANY($3::text[])
    )
    RETURNING *
  )
  SELECT state_hash AS "stateHash", browser_hash AS "browserHash", attempt_hash AS "attemptHash", user_id AS "userId",
    link_id AS "linkId", origin, client_id AS "clientId", verifier, code, name FROM taken`;

const HOLD_SQL = `
  INSERT INTO connect_attempts
    (state_hash, browser_hash, attempt_hash, user_id, origin, client_id, verifier, code, name, expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + make_interval(secs => $10))`;

/**
 * Pending attempts. The callback finds one by its `state`, adds the code and gives the browser a new secret. Finishing
 * needs that secret and the user who began. A user who sends somebody else to the consent page lacks the first, and a
 * browser that was given another user's link lacks the second. The database's clock decides, so that all processes agree on
 * expiry.
 */
@Injectable()
export class ConnectAttempts {
  constructor(
    private readonly database: Database,
    private readonly ring: KeyRing,
    private readonly clock: Clock,
    private readonly bluesky: BlueskyOAuth,
  ) {}

  /**
   * @param state one that a library has made, as long as ours.
   * @returns the `state`.
   */
  async begin(attempt: Attempt, browser: string, state = newSecret()): Promise<string> {
    const { userId, linkId, origin, clientId, name, returnTo, clientSecret, forceLogin, labels } = attempt;
    const owner = { stateHash: hashOf(state), userId, linkId, origin, clientId };
    const secrets = { verifier: attempt.verifier, clientSecret, forceLogin, labels };
    const verifier = seal(this.ring, 'verifier', owner, JSON.stringify(secrets));
    await this.database.transaction(async (manager) => {
      await manager.query(
        `DELETE FROM connect_attempts WHERE state_hash IN (
           SELECT state_hash FROM connect_attempts WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED
         )`,
        [PURGED_PER_ATTEMPT],
      );
      await makeRoom(manager, attempt);
      await manager.query(
        `INSERT INTO connect_attempts
           (state_hash, browser_hash, user_id, link_id, origin, client_id, verifier, name, return_to, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + make_interval(secs => $10))`,
        [
          ...[owner.stateHash, hashOf(browser), userId, linkId, origin, clientId, verifier],
          ...[name, returnTo, ATTEMPT_TTL_SECONDS],
        ],
      );
    });
    return state;
  }

  /**
   * Stores the code of a callback, once. A response that is not from the attempt's own instance is refused and changes
   * nothing, so it cannot use up the attempt either.
   *
   * @throws {InvalidConnectState}
   */
  async receive(callback: Callback): Promise<Received> {
    const { state, iss, code, error } = callback;
    if (!mayBeSecret(state)) throw new InvalidConnectState();
    const attempt = error === null && code !== null ? newSecret() : null;
    return this.database.transaction(async (manager) => {
      const found = await manager.findOne(ConnectAttempt, {
        where: { stateHash: hashOf(state) },
        lock: { mode: 'pessimistic_write' },
      });
      if (
        found === null ||
        found.attemptHash !== null ||
        !cameByOwn(callback, found, this.bluesky.clientId) ||
        (iss !== null && !isIssuer(found.origin, iss))
      ) {
        throw new InvalidConnectState();
      }
      const [, changed] =
        attempt === null
          ? await manager.query<[unknown[], number]>(
              'DELETE FROM connect_attempts WHERE state_hash = $1 AND expires_at > now()',
              [found.stateHash],
            )
          : await manager.query<[unknown[], number]>(
              `UPDATE connect_attempts SET attempt_hash = $2, code = $3
               WHERE state_hash = $1 AND expires_at > now()`,
              [
                found.stateHash,
                hashOf(attempt),
                seal(this.ring, 'code', found, JSON.stringify({ code, iss })),
              ],
            );
      if (changed !== 1) throw new InvalidConnectState();
      return { attempt, returnTo: found.returnTo };
    });
  }

  /**
   * Consumes an attempt: one statement, so that only one of two racing calls gets it. A wrong user or browser does not
   * consume it.
   *
   * @param userId null for somebody with a connect link, whose browser alone says who they are.
   * @param browsers the attempts' cookies that the request has. With any, one of them must be this attempt's.
   * @throws {AttemptNotFound} also if its key has left the ring, or its secrets were moved here from another attempt.
   *   Attempts are too short-lived to be re-encrypted by a key rotation.
   */
  async take(attempt: string, userId: number | null, browsers: readonly string[]): Promise<AnsweredAttempt> {
    if (!mayBeSecret(attempt)) throw new AttemptNotFound();
    const hashes = browsers.map((browser) => hashOf(browser).toString('hex'));
    const [taken] = await this.database.statement<ConnectAttempt>(TAKE_SQL, [
      hashOf(attempt),
      userId,
      hashes,
    ]);
    const secrets = taken && open(this.ring, 'verifier', taken, taken.verifier);
    const answer = taken?.code && open(this.ring, 'code', taken, taken.code);
    if (!taken || !secrets || !answer) throw new AttemptNotFound();
    const { origin, clientId, linkId, name } = taken;
    const { code, iss, held } = answerSchema.parse(JSON.parse(answer));
    return {
      ...secretsSchema.parse(JSON.parse(secrets)),
      ...{ userId: taken.userId, linkId, origin, clientId, name, code, iss, row: taken },
      grant: held === undefined ? null : this.since(held),
    };
  }

  /** Keeps an attempt whose code has been exchanged until its user confirms what happens with the tokens. */
  async hold({ row, code, iss }: AnsweredAttempt, grant: TokenGrant): Promise<void> {
    const held = { ...grant, exchangedAt: this.clock.now().getTime() };
    const answer = seal(this.ring, 'code', row, JSON.stringify({ code, iss, held }));
    const { stateHash, browserHash, attemptHash, userId, origin, clientId, verifier, name } = row;
    await this.database.statement(HOLD_SQL, [
      ...[stateHash, browserHash, attemptHash, userId, origin, clientId, verifier, answer, name],
      ATTEMPT_TTL_SECONDS,
    ]);
  }

  /** The tokens, which have grown older since the exchange. */
  private since({ exchangedAt, ...grant }: TokenGrant & { readonly exchangedAt: number }): TokenGrant {
    const elapsedSeconds = Math.round((this.clock.now().getTime() - exchangedAt) / 1000);
    const { expiresInSeconds } = grant;
    return {
      ...grant,
      expiresInSeconds: expiresInSeconds === null ? null : Math.max(expiresInSeconds - elapsedSeconds, 0),
    };
  }
}

/** A user's attempts have a limit together, and a link has one: many people connect for one user at the same time. */
async function makeRoom(manager: EntityManager, { userId, linkId }: Attempt): Promise<void> {
  if (linkId !== null) {
    await manager.query('DELETE FROM connect_attempts WHERE link_id = $1', [linkId]);
    return;
  }
  await manager.query(
    `DELETE FROM connect_attempts WHERE state_hash IN (
       SELECT state_hash FROM connect_attempts WHERE user_id = $1 AND link_id IS NULL
       ORDER BY expires_at DESC OFFSET $2
     )`,
    [userId, MAX_PER_USER - 1],
  );
}
