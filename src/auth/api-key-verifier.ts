import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { IsNull, Raw, type Repository } from 'typeorm';
import { CacheMeter } from '../cache/cache-meter.js';
import { CacheService } from '../cache/cache.service.js';
import { Clock } from '../common/clock.js';
import { matchesHash } from '../common/secrets.js';
import { Database } from '../database/database.js';
import type { AuthUser, TokenSource } from '../http/auth/auth-user.js';
import { InvalidAccessToken, PolicyRefused } from '../http/auth/auth.errors.js';
import { CacheKeys } from '../outbox/cache-keys.js';
import { isApiKeyChange } from '../outbox/change.js';
import {
  API_KEY_SPEC,
  API_KEY_TTL_SECONDS,
  type KnownApiKey,
  apiKeyCacheKey,
  knownApiKey,
} from './api-key-cache.js';
import { lookupOf } from './api-key-format.js';
import { policyOf } from './api-key-policy.js';
import { ApiKeyUsage } from './api-key-usage.js';
import { ApiKey } from './api-key.entity.js';

/** Authenticates requests that carry an API key. With a warm cache: one Redis GET, no database. */
@Injectable()
export class ApiKeyVerifier {
  constructor(
    @InjectRepository(ApiKey) private readonly repository: Repository<ApiKey>,
    private readonly cache: CacheService,
    private readonly meter: CacheMeter,
    private readonly database: Database,
    private readonly usage: ApiKeyUsage,
    private readonly clock: Clock,
    cacheKeys: CacheKeys,
  ) {
    cacheKeys.register(
      (change) => (isApiKeyChange(change) ? [apiKeyCacheKey(change.apiKeyLookup)] : []),
      API_KEY_TTL_SECONDS,
    );
  }

  /**
   * No async function between a request and Redis: each would cost a hit more than the hash of the key.
   *
   * @throws {InvalidAccessToken} for an unknown, wrong, expired or revoked key alike; or rejects with it.
   * @throws {PolicyRefused} for an address that is not in the key's policy.
   */
  verify(key: string, from: TokenSource): Promise<AuthUser> {
    const lookup = lookupOf(key);
    if (lookup === null) throw new InvalidAccessToken();
    return this.cache
      .read(API_KEY_SPEC, lookup, () => this.load(lookup))
      .then((read) => {
        // Here and not in the interceptor, which never sees a request that a guard refuses.
        this.meter.record(read);
        return this.admit(key, read.value, from);
      });
  }

  private admit(key: string, found: KnownApiKey | null, from: TokenSource): AuthUser {
    if (found === null || !matchesHash(key, found.hash) || this.isExpired(found)) {
      throw new InvalidAccessToken();
    }
    const { policy } = found.user;
    if (policy !== undefined && !policy.permitsAddress(from.ip)) throw new PolicyRefused();
    this.usage.note(found.id);
    return found.user;
  }

  private isExpired({ expiresAt }: KnownApiKey): boolean {
    return expiresAt !== null && expiresAt.getTime() <= this.clock.now().getTime();
  }

  private async load(lookup: string): Promise<KnownApiKey | null> {
    const userId = Raw((column) => `${column} IN (SELECT id FROM users WHERE disabled_at IS NULL)`);
    const row = await this.database.load(() =>
      this.repository.findOneBy({ lookup, revokedAt: IsNull(), userId }),
    );
    if (row === null) return null;
    const { id, keyHash: hash, scopes, expiresAt } = row;
    return knownApiKey({ id, userId: row.userId, lookup, hash, scopes, expiresAt, policy: policyOf(row) });
  }
}
