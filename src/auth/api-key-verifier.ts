import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { IsNull, type Repository } from 'typeorm';
import type { CacheSpec } from '../cache/cache-spec.js';
import { CacheService } from '../cache/cache.service.js';
import { Clock } from '../common/clock.js';
import { matchesHash } from '../common/secrets.js';
import { AppConfig } from '../config/app-config.js';
import { FernetKey } from '../crypto/fernet.js';
import { Database } from '../database/database.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { CacheKeys } from '../outbox/cache-keys.js';
import { isApiKeyChange } from '../outbox/change.js';
import {
  API_KEY_TTL_SECONDS,
  type KnownApiKey,
  apiKeyCacheKey,
  apiKeySpec,
  knownApiKey,
} from './api-key-cache.js';
import { lookupOf } from './api-key-format.js';
import { ApiKeyUsage } from './api-key-usage.js';
import { ApiKey } from './api-key.entity.js';
import { InvalidAccessToken } from './auth.errors.js';

/** Who a request with an API key comes from. One GET of Redis when warm, no database. */
@Injectable()
export class ApiKeyVerifier {
  readonly #spec: CacheSpec<string, KnownApiKey | null>;

  constructor(
    @InjectRepository(ApiKey) private readonly repository: Repository<ApiKey>,
    private readonly cache: CacheService,
    private readonly database: Database,
    private readonly usage: ApiKeyUsage,
    private readonly clock: Clock,
    cacheKeys: CacheKeys,
    config: AppConfig,
  ) {
    const newest = config.encryptionKeys.split(',', 1)[0] ?? '';
    this.#spec = apiKeySpec(FernetKey.parse(newest.trim()).derive('platform-manager/api-key-cache/v1'));
    cacheKeys.register(
      (change) => (isApiKeyChange(change) ? [apiKeyCacheKey(change.apiKeyLookup)] : []),
      API_KEY_TTL_SECONDS,
    );
  }

  /** @throws {InvalidAccessToken} the same for an unknown, wrong, expired and revoked key. */
  async verify(key: string): Promise<AuthUser> {
    const lookup = lookupOf(key);
    if (lookup === null) throw new InvalidAccessToken();
    const { value: known } = await this.cache.read(this.#spec, lookup, () => this.load(lookup));
    if (known === null || !matchesHash(key, known.hash) || this.isExpired(known)) {
      throw new InvalidAccessToken();
    }
    this.usage.note(known.id);
    return known.user;
  }

  private isExpired({ expiresAt }: KnownApiKey): boolean {
    return expiresAt !== null && expiresAt.getTime() <= this.clock.now().getTime();
  }

  private async load(lookup: string): Promise<KnownApiKey | null> {
    const row = await this.database.load(() => this.repository.findOneBy({ lookup, revokedAt: IsNull() }));
    if (row === null) return null;
    const { id, userId, keyHash: hash, scopes, expiresAt } = row;
    return knownApiKey({ id, userId, lookup, hash, scopes, expiresAt });
  }
}
