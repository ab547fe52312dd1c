import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { CacheMeter } from '../cache/cache-meter.js';
import { CacheService } from '../cache/cache.service.js';
import { Database } from '../database/database.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { InvalidAccessToken } from '../http/auth/auth.errors.js';
import { CacheKeys } from '../outbox/cache-keys.js';
import { isSessionChange } from '../outbox/change.js';
import {
  type LiveSession,
  SESSION_SPEC,
  SESSION_TTL_SECONDS,
  liveSession,
  providerSessionKey,
  sessionCacheKey,
} from './session-cache.js';

/**
 * How long a process believes what it has read. Together with what the outbox takes for a change by SQL, it stays below
 * the promised second. A hot session costs four reads of the cache a second instead of one for each request.
 */
const BELIEVED_MS = 250;
/** About 300 bytes each. */
const REMEMBERED_SESSIONS = 10_000;

interface Seen {
  readonly user: AuthUser;
  readonly atMs: number;
}

/** Whether a session still counts. With a warm cache: no database, and mostly no Redis either. */
@Injectable()
export class SessionVerifier {
  readonly #seen = new LRUCache<string, Seen>({ max: REMEMBERED_SESSIONS });
  #forgotten = 0;

  constructor(
    private readonly cache: CacheService,
    private readonly meter: CacheMeter,
    private readonly database: Database,
    cacheKeys: CacheKeys,
  ) {
    cacheKeys.register(
      (change) => (isSessionChange(change) ? [sessionCacheKey(change.sessionKey)] : []),
      SESSION_TTL_SECONDS,
    );
  }

  /**
   * The user of an access token of ours. Returns without a promise for a session that was read a moment ago.
   *
   * @throws {InvalidAccessToken} when the session has ended; or rejects with it.
   * @throws {DatabaseUnavailable} when neither the cache nor the database can say.
   */
  verify(sessionId: number, userId: number): AuthUser | Promise<AuthUser> {
    return this.userOf(String(sessionId), userId);
  }

  /** The same for a token of the OpenID provider: its user may have been disabled, deleted or given another role. */
  verifyProviders(userId: number): AuthUser | Promise<AuthUser> {
    return this.userOf(providerSessionKey(userId), userId);
  }

  /** Reads these from the cache next time. */
  forget(keys: readonly string[]): void {
    this.#forgotten++;
    for (const key of keys) this.#seen.delete(key);
  }

  private userOf(key: string, userId: number): AuthUser | Promise<AuthUser> {
    const seen = this.#seen.get(key);
    if (seen === undefined || performance.now() - seen.atMs >= BELIEVED_MS) return this.read(key, userId);
    if (seen.user.id !== userId) throw new InvalidAccessToken();
    return seen.user;
  }

  private async read(key: string, userId: number): Promise<AuthUser> {
    const atMs = performance.now();
    const forgotten = this.#forgotten;
    const read = await this.cache.read(SESSION_SPEC, key, () => this.load(key));
    this.meter.record(read);
    const user = read.value?.user;
    // A read that began before the session ended may not outlive what was forgotten then.
    if (user === undefined) this.#seen.delete(key);
    else if (forgotten === this.#forgotten) this.#seen.set(key, { user, atMs });
    if (user?.id !== userId) throw new InvalidAccessToken();
    return user;
  }

  private async load(key: string): Promise<LiveSession | null> {
    const [, providersUser] = /^user-(\d+)$/.exec(key) ?? [];
    const [row] = await this.database.statement<{
      userId: number;
      role: AuthUser['role'];
      confirmedAt: Date | null;
    }>(
      providersUser === undefined
        ? `SELECT users.id AS "userId", role, confirmed_at AS "confirmedAt" FROM sessions JOIN users ON users.id = user_id
           WHERE sessions.id = $1 AND ended_at IS NULL AND disabled_at IS NULL`
        : `SELECT id AS "userId", role, NULL AS "confirmedAt" FROM users WHERE id = $1 AND disabled_at IS NULL`,
      [providersUser ?? key],
    );
    if (row === undefined) return null;
    return liveSession({ ...row, session: key, confirmedAt: row.confirmedAt?.getTime() ?? null });
  }
}
