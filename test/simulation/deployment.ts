import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { type CacheSpec, warmEntry } from '../../src/cache/cache-spec.js';
import { CacheService } from '../../src/cache/cache.service.js';
import { RedisConnection } from '../../src/cache/redis/redis-connection.js';
import { RedisHealth } from '../../src/cache/redis/redis-health.js';
import { RedisStore } from '../../src/cache/redis/redis-store.js';
import { SealedEntries } from '../../src/cache/sealed-entries.js';
import { SelfAudit } from '../../src/cache/self-audit.js';
import { Installation } from '../../src/common/installation.js';
import { KeyRing } from '../../src/crypto/key-ring.js';
import { readInstallation } from '../../src/database/read-installation.js';
import { CacheKeys } from '../../src/outbox/cache-keys.js';
import { type Change, type PlatformChange, isPlatformChange } from '../../src/outbox/change.js';
import { FollowedWrites } from '../../src/outbox/followed-writes.js';
import { Invalidation } from '../../src/outbox/invalidation.js';
import { OutboxRelay } from '../../src/outbox/outbox-relay.js';
import { PublishedEvents } from '../../src/outbox/published-events.js';
import { Network } from './link.js';
import type { SimulatedPostgres } from './simulated-postgres.js';
import { type SimulatedRedis, SimulatedTopology } from './simulated-redis.js';
import { PostgresConnection, SimulatedSession } from './simulated-session.js';
import { Host, type World } from './world.js';

Logger.overrideLogger(false);

const DEADLINE_MS = 100;
const STATEMENT_TIMEOUT_MS = 2000;
/** Longer than a run is busy: what is stale stays so. */
const TTL_SECONDS = 3600;
/** So short that entries are refreshed ahead, and expire. */
const SHORT_TTL_SECONDS = 1;
/** More than in production: a run has few writes. */
const FOLLOWED_ONE_OF = 3;
/** One that nobody uses for anything else. */
const KEY_RING = KeyRing.parse(`${Buffer.alloc(32, 7).toString('base64url')}=`);

/** A user's connections and their versions, by id. */
export type Versions = Readonly<Record<string, number>>;

export interface Read {
  readonly outcome: string;
  readonly versions: Versions;
}

export const PLATFORMS_OF_A_USER = 2;

export function platformsOf(userId: number): number[] {
  return Array.from({ length: PLATFORMS_OF_A_USER }, (_, index) => 10 * userId + index);
}

function specOf(name: string, ttlSeconds: number): CacheSpec<number, Versions> {
  return {
    resource: 'user_platforms',
    key: (id) => `${name}:${id}`,
    ttlSeconds: () => ttlSeconds,
    encode: (versions) => JSON.stringify(versions),
    fingerprint: (versions) => JSON.stringify(versions),
    decode: (raw) => JSON.parse(raw) as Versions,
  };
}
/** Of a user, and of one connection. */
const LIST = specOf('list', TTL_SECONDS);
const ONE = specOf('one', SHORT_TTL_SECONDS);

/** One process of the deployment: the shipped code of src/cache and src/outbox over simulated servers. */
export class Process {
  readonly host: Host;
  readonly toRedis: Network;
  readonly toPostgres: Network;
  readonly events: PublishedEvents;
  readonly audit: SelfAudit;
  readonly #cache: CacheService;
  readonly #health: RedisHealth;
  readonly #invalidation: Invalidation;
  readonly #relay: OutboxRelay;
  readonly #session: SimulatedSession;
  readonly #installation = new Installation();

  constructor(
    private readonly world: World,
    redis: SimulatedRedis,
    private readonly postgres: SimulatedPostgres,
    name: string,
    needsDatabase: boolean,
  ) {
    this.host = new Host(name);
    this.host.drift = (world.random('drift') - 0.5) * 0.0005;
    this.toRedis = new Network(world, this.host, redis.host);
    this.toPostgres = new Network(world, this.host, postgres.host);
    const connection = new RedisConnection(
      (onTrouble) => new SimulatedTopology(redis, this.toRedis, onTrouble),
      DEADLINE_MS,
    );
    this.#health = new RedisHealth(connection, {
      log: (text) => world.say(text),
      warn: (text) => world.say(text),
    });
    const entries = new SealedEntries(KEY_RING, this.#installation);
    const store = new RedisStore(connection, this.#health.breaker, DEADLINE_MS, entries, '');
    this.audit = new SelfAudit(store);
    this.#cache = new CacheService(store, this.#health, this.audit);
    const keys = new CacheKeys();
    const ifPlatform = (keyOf: (change: PlatformChange) => string) => (change: Change) =>
      isPlatformChange(change) ? [keyOf(change)] : [];
    keys.register(
      ifPlatform(({ userId }) => LIST.key(userId)),
      TTL_SECONDS,
    );
    keys.register(
      ifPlatform(({ platformId }) => ONE.key(platformId)),
      SHORT_TTL_SECONDS,
    );
    keys.registerVersioned(({ userId, platformId }) => {
      const versionIn = (raw: string) => (JSON.parse(raw) as Versions)[platformId] ?? null;
      const textOf = async (ids: readonly number[]) => JSON.stringify(await this.#load(ids));
      return [
        { key: LIST.key(userId), versionIn, load: () => textOf(platformsOf(userId)) },
        { key: ONE.key(platformId), versionIn, load: () => textOf([platformId]) },
      ];
    });
    this.#session = new SimulatedSession(this.toPostgres, postgres);
    this.events = new PublishedEvents(this.#session, null as never);
    this.#relay = new OutboxRelay(
      this.#session,
      this.#cache,
      this.#health,
      keys,
      this.#installation,
      new FollowedWrites(store, this.#health, keys, this.audit, FOLLOWED_ONE_OF),
      needsDatabase,
    );
    this.#invalidation = new Invalidation(this.#cache, keys, this.#relay, this.#installation);
  }

  get name(): string {
    return this.host.name;
  }

  /** Whether it reads cached values. */
  get trusts(): boolean {
    return this.#health.bypassReason === null;
  }

  get isTalking(): boolean {
    return this.toRedis.awaited + this.toPostgres.awaited > 0;
  }

  /** How it is, as a number: for the count of states. */
  get condition(): number {
    const { state, behind } = this.#health;
    const trust = { closed: 0, 'half-open': 1, open: 2 }[state];
    const flags = [
      behind,
      this.toRedis.cut,
      this.toRedis.slowMs > 0,
      this.toPostgres.slowMs > 0,
      this.host.frozenUntil > this.world.now,
    ];
    const awaited = 256 * Math.min(255, this.toRedis.awaited) + Math.min(255, this.toPostgres.awaited);
    return flags.reduce((number, flag) => 2 * number + (flag ? 1 : 0), 4 * awaited + trust);
  }

  /** In the order of a start: the clock of the database first, then the cache, then the relay. */
  async start(): Promise<void> {
    for (;;) {
      try {
        const sentAtMs = performance.now();
        this.#installation.observe(await readInstallation(this.#session.statement), sentAtMs);
        break;
      } catch {
        await this.world.sleep(200);
      }
    }
    await this.#health.start();
    this.#relay.start();
  }

  /** The list of a user, or one connection, as the API reads it. */
  async read(ids: readonly number[], userId: number | null): Promise<Read> {
    const { outcome, value } = await (userId === null
      ? this.#cache.read(ONE, ids[0] ?? 0, () => this.#load(ids))
      : this.#cache.read(LIST, userId, () => this.#load(ids)));
    return { outcome, versions: value };
  }

  warm(userIds: readonly number[]): Promise<number> {
    return this.#cache.warm(
      userIds.map((userId) => LIST.key(userId)),
      async () => {
        const versions = await this.#load(userIds.flatMap(platformsOf));
        return userIds.map((userId) => {
          const own = platformsOf(userId).map((id) => [id, versions[id] ?? 0]);
          return warmEntry(LIST, userId, Object.fromEntries(own) as Versions);
        });
      },
    );
  }

  /**
   * A request that changes a connection, or one that repeats an earlier one and changes nothing: the steps of
   * platform-transaction.ts and platform-writer.ts.
   *
   * @returns what every read must show from now on, at least.
   * @throws when the outcome is not known. The client must not take the change for done.
   */
  async write(userId: number, platformId: number | null): Promise<Versions> {
    const connection = new PostgresConnection(this.toPostgres, this.postgres, () => {});
    const changed = new Set<number>();
    let transactionId = '0';
    let committed: Versions;
    try {
      await connection.begin();
      await connection.statement((by) => this.postgres.lockUser(userId, by!));
      const { pending, versions } = await connection.statement(() => ({
        pending: this.postgres.pending(userId),
        versions: this.#versions(platformsOf(userId)),
      }));
      for (const row of pending) changed.add(row.platformId);
      committed = versions;
      if (platformId !== null) {
        transactionId = await connection.statement((by) => this.postgres.change(userId, platformId, by!));
        changed.add(platformId);
      }
      const version = await connection.end('commit', () => this.postgres.versions.get(platformId ?? 0) ?? 0);
      if (platformId !== null) committed = { ...committed, [platformId]: version };
    } finally {
      connection.close();
    }
    await this.#invalidation.afterCommit({
      transactionId,
      changes: [...changed].map((id) => ({ userId, platformId: id })),
    });
    return committed;
  }

  async #load(ids: readonly number[]): Promise<Versions> {
    const connection = new PostgresConnection(this.toPostgres, this.postgres, () => {});
    const timeout = this.world.sleep(STATEMENT_TIMEOUT_MS).then(() => {
      throw new Error('The database does not answer');
    });
    try {
      return await Promise.race([connection.statement(() => this.#versions(ids)), timeout]);
    } finally {
      timeout.catch(() => {});
      connection.close();
    }
  }

  #versions(ids: readonly number[]): Versions {
    return Object.fromEntries(ids.map((id) => [id, this.postgres.versions.get(id) ?? 0]));
  }
}
