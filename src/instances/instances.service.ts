import { CACHE_MANAGER, type Cache } from '@nestjs/cache-manager';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { CorruptEntry } from '../cache/cache-errors.js';
import { CacheHealth } from '../cache/cache-health.js';
import { CacheMeter } from '../cache/cache-meter.js';
import type { CacheOutcome } from '../cache/cache-read.js';
import { InvalidField } from '../common/domain-error.js';
import { AppConfig } from '../config/app-config.js';
import { BlueskyServers } from './bluesky/bluesky-servers.js';
import type { Did } from './bluesky/handle-names.js';
import { typedAccount } from './bluesky/typed-account.js';
import type { InstanceDto } from './dto/instance.dto.js';
import { GuardedHttp } from './guarded-http.js';
import { addressOfInput } from './instance-address.js';
import { InvalidInstanceUrl, canonicalInstanceUrl } from './instance-url.js';
import { InstanceRefused, REFUSALS } from './instances.errors.js';
import { findOffer, readOffer } from './mastodon-api.js';
import { speaksMisskey } from './misskey-api.js';
import { type Nodeinfo, readNodeinfo } from './nodeinfo.js';
import {
  PLATFORM_TYPES,
  type InstanceTraits,
  type SoftwareLabels,
  hasOtherApi,
  instanceTypeOf,
  traitsOf,
} from './software.js';
import { type Handle, actorOf } from './webfinger.js';

/** Instances rarely upgrade their software, so an hour-old version is fresh enough. */
const FOUND_TTL_MS = 3_600_000;
/** Short, because users retry soon after "unreachable" and must then see an instance that has recovered. */
const REFUSED_TTL_MS = 30_000;

const instanceSchema = z.strictObject({
  origin: z.string(),
  software: z.string(),
  version: z.string(),
  title: z.string().nullable(),
  /** Null if the software does not speak an API that connections use. */
  platformType: z.enum(PLATFORM_TYPES).nullable(),
  offer: z
    .strictObject({
      scopes: z.array(z.string()).readonly().nullable(),
      pkce: z.literal('S256').nullable(),
      refreshTokens: z.literal(true).nullable(),
      revocable: z.literal(true).nullable(),
    })
    .nullable(),
});

const entrySchema = z.union([
  z.strictObject({ found: instanceSchema }),
  z.strictObject({ refused: z.enum(REFUSALS), detail: z.string() }),
]);

type Entry = z.output<typeof entrySchema>;

export type Instance = Readonly<z.output<typeof instanceSchema>>;

/** What a user means. */
export interface FoundInstance {
  readonly instance: Instance;
  /** Of the account at Bluesky that they named; null if they named a server. */
  readonly did: Did | null;
}

/** Looks up instances. The data may be slightly stale, so a plain cache with a TTL is enough. */
@Injectable()
export class InstancesService {
  readonly #isAllowListed: (host: string) => boolean;
  /** Why there is no entry under these keys. */
  readonly #failures = new Map<string, 'corrupt' | 'error'>();

  constructor(
    private readonly http: GuardedHttp,
    @Inject(CACHE_MANAGER) private readonly cache: Cache,
    private readonly health: CacheHealth,
    private readonly meter: CacheMeter,
    private readonly bluesky: BlueskyServers,
    config: AppConfig,
  ) {
    this.#isAllowListed = (host) => config.instanceHostAllowlist.has(host);
    // cache-manager answers a failure of its store with undefined, and tells it to its listeners alone.
    cache.on('get', ({ key, error }) => {
      if (error !== undefined) this.#failures.set(key, error instanceof CorruptEntry ? 'corrupt' : 'error');
    });
  }

  /**
   * The instance that a user means, and at Bluesky the account.
   *
   * @param input what users type: a host, a URL with a path, a handle or a DID.
   * @throws {InvalidField | InstanceRefused}
   */
  async find(input: string): Promise<FoundInstance> {
    const account = typedAccount(input);
    if (account?.kind === 'account') return this.bluesky.ofAccount(account.identifier);
    try {
      return { instance: await this.at(await this.locate(input)), did: null };
    } catch (error) {
      // The name of a server comes first: people have a server and a handle at Bluesky under one name.
      if (!(error instanceof InstanceRefused) || account === null) throw error;
      return this.bluesky.ofAccount(account.identifier).catch((other: unknown) => {
        throw other instanceof InvalidField || other instanceof InstanceRefused ? error : other;
      });
    }
  }

  /**
   * What people may know of the instance that they mean.
   *
   * @throws {InvalidField | InstanceRefused}
   */
  async describe(input: string): Promise<InstanceDto> {
    const { instance } = await this.find(input);
    const features = this.traits(instance);
    const { offer: _, ...shown } = instance;
    return { ...shown, supported: features !== null, features };
  }

  /**
   * The origin of the instance that a user means. A handle's domain may be another one than the instance's.
   *
   * @param input what users type: a host, a URL with a path, or a handle.
   * @throws {InvalidField} if it contains no valid address.
   */
  async locate(input: string): Promise<string> {
    try {
      const { origin, user } = addressOfInput(input, this.#isAllowListed);
      const actor = user === null ? null : await this.actorOf({ user, origin });
      return actor === null ? origin : (this.canonical(actor) ?? origin);
    } catch (error) {
      if (!(error instanceof InvalidInstanceUrl)) throw error;
      throw new InvalidField([{ pointer: '/instance', detail: error.detail }]);
    }
  }

  /** Whether a handle of another domain leads to this actor or, if the domain names no actor, to this instance. */
  async leadsTo(handle: string, actorUri: string | null, instanceUrl: string): Promise<boolean> {
    const typed = this.handleIn(handle);
    const actor = typed && (await this.actorOf(typed));
    return actor !== null && (actor.href === actorUri || actor.origin === instanceUrl);
  }

  /**
   * The instance at a canonical origin.
   *
   * @throws {InstanceRefused}
   */
  async at(origin: string): Promise<Instance> {
    const key = `instance:${origin}`;
    const startedAt = performance.now();
    const cached = await this.cached(key);
    const outcome = typeof cached === 'string' ? cached : 'hit';
    try {
      return typeof cached === 'string' ? await this.ask(origin, key) : instanceIn(cached);
    } finally {
      const durationSeconds = (performance.now() - startedAt) / 1000;
      this.meter.record({ resource: 'instance', outcome, durationSeconds });
    }
  }

  /** The name and version of the software; null if they cannot be had at the moment. */
  async softwareAt(origin: string): Promise<SoftwareLabels | null> {
    try {
      const { software, version } = await this.at(origin);
      return { software, softwareVersion: version === '' ? null : version };
    } catch (error) {
      if (error instanceof InstanceRefused) return null;
      throw error;
    }
  }

  traits({ platformType, software, version, offer }: Instance): InstanceTraits | null {
    return platformType === null ? null : traitsOf(platformType, software, version, offer);
  }

  private async actorOf(handle: Handle): Promise<URL | null> {
    const actor = await actorOf(this.http, handle);
    if (actor !== null || !this.#isAllowListed(new URL(handle.origin).host)) return actor;
    // A handle has no scheme, and an allow-listed host may speak plain http.
    return actorOf(this.http, { ...handle, origin: handle.origin.replace('https:', 'http:') });
  }

  private handleIn(text: string): Handle | null {
    try {
      const { user, origin } = addressOfInput(text, this.#isAllowListed);
      return user === null ? null : { user, origin };
    } catch (error) {
      if (error instanceof InvalidInstanceUrl) return null;
      throw error;
    }
  }

  /** Null if the address cannot be an instance's. */
  private canonical({ origin }: URL): string | null {
    try {
      return canonicalInstanceUrl(origin, this.#isAllowListed);
    } catch (error) {
      if (error instanceof InvalidInstanceUrl) return null;
      throw error;
    }
  }

  private async ask(origin: string, key: string): Promise<Instance> {
    try {
      const found = await this.instanceAt(origin);
      await this.store(key, { found }, FOUND_TTL_MS);
      return found;
    } catch (error) {
      if (!(error instanceof InstanceRefused)) throw error;
      await this.store(key, { refused: error.code, detail: error.message }, REFUSED_TTL_MS);
      throw error;
    }
  }

  private async instanceAt(origin: string): Promise<Instance> {
    try {
      const nodeinfo = await readNodeinfo(this.http, origin);
      return { ...nodeinfo, ...(await this.apiOf(nodeinfo)) };
    } catch (error) {
      if (!(error instanceof InstanceRefused) || error.code !== 'not_an_instance') throw error;
      const found = await this.bluesky.at(origin);
      if (found === null) throw error;
      return found;
    }
  }

  private async apiOf({ origin, software }: Nodeinfo): Promise<Pick<Instance, 'platformType' | 'offer'>> {
    const platformType = instanceTypeOf(software);
    if (platformType === 'misskey') return { platformType, offer: null };
    if (platformType !== null) return { platformType, offer: await readOffer(this.http, origin) };
    if (hasOtherApi(software)) return { platformType: null, offer: null };
    const offer = await findOffer(this.http, origin);
    // Where both answer, OAuth: a code is of no use to others, and tokens can be revoked.
    if (offer !== null) return { platformType: 'mastodon_api', offer };
    return { platformType: (await speaksMisskey(this.http, origin)) ? 'misskey' : null, offer };
  }

  /** The entry, or why there is none. */
  private async cached(key: string): Promise<Entry | Exclude<CacheOutcome, 'hit' | 'collapsed'>> {
    if (this.health.bypassReason !== null) return 'bypass';
    const found = await this.cache.get(key);
    // What is asked of the instance instead replaces a corrupt entry.
    if (found === undefined) return this.takeFailure(key) ?? 'miss';
    const entry = entrySchema.safeParse(found);
    return entry.success ? entry.data : 'corrupt';
  }

  private takeFailure(key: string): 'corrupt' | 'error' | undefined {
    const failure = this.#failures.get(key);
    this.#failures.delete(key);
    return failure;
  }

  private async store(key: string, entry: Entry, ttlMs: number): Promise<void> {
    if (this.health.bypassReason !== null) return;
    await this.cache.set(key, entry, ttlMs).catch(() => undefined);
  }
}

function instanceIn(entry: Entry): Instance {
  if ('refused' in entry) throw new InstanceRefused(entry.refused, entry.detail);
  return entry.found;
}
