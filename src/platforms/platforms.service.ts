import { Injectable } from '@nestjs/common';
import { CacheUnavailable } from '../cache/cache-errors.js';
import type { CacheRead } from '../cache/cache-read.js';
import { type CacheSpec, type WarmEntry, warmEntry } from '../cache/cache-spec.js';
import { CacheService } from '../cache/cache.service.js';
import { AppConfig } from '../config/app-config.js';
import { CredentialCipher } from '../credentials/credential-cipher.js';
import { Database } from '../database/database.js';
import { CacheKeys } from '../outbox/cache-keys.js';
import { STATS_CHANGED, isPlatformChange } from '../outbox/change.js';
import {
  type CachedPlatform,
  platformKey,
  platformSpec,
  userPlatformsKey,
  userPlatformsSpec,
  versionIn,
} from './platform-cache.js';
import type { PlatformView } from './platform-view.js';
import { PlatformRepository } from './platform.repository.js';

/** Cached reads of platform connections. Writes are PlatformWriter's. */
@Injectable()
export class PlatformsService {
  private readonly userPlatforms: CacheSpec<number, readonly PlatformView[]>;
  private readonly platform: CacheSpec<number, CachedPlatform | null>;

  constructor(
    private readonly cache: CacheService,
    private readonly database: Database,
    private readonly repository: PlatformRepository,
    cipher: CredentialCipher,
    private readonly cacheKeys: CacheKeys,
    config: AppConfig,
  ) {
    this.userPlatforms = userPlatformsSpec(config.cache);
    this.platform = platformSpec(config.cache, (view, credentials) => cipher.isIntact(view, credentials));
    cacheKeys.register(
      (change) =>
        isPlatformChange(change) && change.type !== STATS_CHANGED
          ? [userPlatformsKey(change.userId), platformKey(change.platformId)]
          : [],
      config.cache.platformTtlSeconds,
    );
    cacheKeys.registerVersioned(({ userId, platformId, type }) =>
      type === STATS_CHANGED
        ? []
        : [
            {
              key: userPlatformsKey(userId),
              versionIn: (raw) => versionIn(raw, platformId),
              load: async () => this.userPlatforms.encode(await this.loadList(userId)),
            },
            {
              key: platformKey(platformId),
              versionIn: (raw) => versionIn(raw, platformId),
              load: async () => this.platform.encode(await this.loadOne(platformId)),
            },
          ],
    );
  }

  /** The active connections of a user, the default first, then by name. */
  list(userId: number): Promise<CacheRead<readonly PlatformView[]>> {
    return this.cache.read(this.userPlatforms, userId, () => this.loadList(userId));
  }

  /** The same, but read from the database and cached again. */
  async reload(userId: number): Promise<CacheRead<readonly PlatformView[]>> {
    try {
      await this.cache.drop([userPlatformsKey(userId)]);
    } catch (error) {
      if (!(error instanceof CacheUnavailable)) throw error;
      return this.cache.bypass(this.userPlatforms, error.reason, () => this.loadList(userId));
    }
    return this.list(userId);
  }

  /** Including inactive connections. Rarely needed, so not cached. */
  listAll(userId: number): Promise<CacheRead<readonly PlatformView[]>> {
    return this.cache.bypass(this.userPlatforms, 'include-inactive', () =>
      this.database.load(() => this.repository.listAll(userId)),
    );
  }

  /** Any user's connection; the caller checks who owns it. */
  find(id: number): Promise<CacheRead<CachedPlatform | null>> {
    return this.cache.read(this.platform, id, () => this.loadOne(id));
  }

  /**
   * Loads the list and each connection on it into the cache, with two statements.
   *
   * @throws {CacheUnavailable} when the cache cannot be reached.
   */
  async refresh(userId: number): Promise<readonly PlatformView[]> {
    const keys = await this.dropCached(userId);
    try {
      await this.cache.warm(keys, () => this.loadAll(userId));
    } catch (error) {
      // Changes of others wait for their keys to be dropped, for example: the list is loaded without the cache.
      if (!(error instanceof CacheUnavailable)) throw error;
    }
    return (await this.list(userId)).value;
  }

  /**
   * @returns the keys that were dropped.
   * @throws {CacheUnavailable} when the cache cannot be reached.
   */
  async dropCached(userId: number): Promise<readonly string[]> {
    const platforms = await this.database.load(() => this.repository.listAll(userId));
    const keys = [userPlatformsKey(userId), ...platforms.map(({ id }) => platformKey(id))];
    await this.cache.drop(keys);
    return keys;
  }

  /** Users that have connections, most recently active first. */
  recentlyActiveUsers(limit: number): Promise<number[]> {
    return this.database.load(() => this.repository.recentlyActiveUsers(limit));
  }

  /**
   * Fills the entries of a user that are not cached yet.
   *
   * @returns how many this call filled; other processes may have filled the others.
   * @throws {CacheUnavailable | DatabaseBusy | DatabaseUnavailable}
   */
  async warm(userId: number): Promise<number> {
    // Through the cache: of several processes that warm, only one loads the list.
    const { outcome, stored, value: platforms } = await this.list(userId);
    const keys = platforms.map(({ id }) => platformKey(id));
    return (
      Number(stored && outcome !== 'collapsed') + (await this.cache.warm(keys, () => this.loadAll(userId)))
    );
  }

  private loadList(userId: number): Promise<readonly PlatformView[]> {
    return this.database.load(() => this.repository.listActive(userId));
  }

  private loadOne(id: number): Promise<CachedPlatform | null> {
    return this.database.load(() => this.repository.find(id));
  }

  /** The user's list and each connection, by one statement. */
  private async loadAll(userId: number): Promise<WarmEntry[]> {
    const all = await this.database.load(() => this.repository.findAll(userId));
    const active = all.map(({ view }) => view).filter(({ isActive }) => isActive);
    return [
      warmEntry(this.userPlatforms, userId, active),
      ...all.map((platform) => warmEntry(this.platform, platform.view.id, platform)),
    ];
  }

  /** Includes the entries that other features keep of these connections. @throws {CacheUnavailable} */
  async dropEverythingCached(userId: number): Promise<void> {
    const platforms = await this.database.load(() => this.repository.listAll(userId));
    const keys = this.cacheKeys.of(platforms.map(({ id: platformId }) => ({ userId, platformId })));
    await this.cache.drop([...new Set([userPlatformsKey(userId), ...keys])]);
  }
}
