import { CACHE_MANAGER, type Cache } from '@nestjs/cache-manager';
import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { CacheHealth } from '../cache/cache-health.js';
import { InvalidField } from '../common/domain-error.js';
import { AppConfig } from '../config/app-config.js';
import { GuardedHttp } from './guarded-http.js';
import { originOfInput } from './instance-address.js';
import { InvalidInstanceUrl } from './instance-url.js';
import { InstanceRefused, REFUSALS } from './instances.errors.js';
import { readNodeinfo } from './nodeinfo.js';
import { PLATFORM_TYPES, type InstanceTraits, instanceTypeOf, traitsOf } from './software.js';

/** Instances rarely upgrade their software, so an hour-old version is fresh enough. */
const FOUND_TTL_MS = 3_600_000;
/** Short, because users retry soon after "unreachable" and must then see an instance that has recovered. */
const REFUSED_TTL_MS = 30_000;

const instanceSchema = z.strictObject({
  origin: z.string(),
  software: z.string(),
  version: z.string(),
  title: z.string().nullable(),
  platformType: z.enum(PLATFORM_TYPES).nullable(),
});

const entrySchema = z.union([
  z.strictObject({ found: instanceSchema }),
  z.strictObject({ refused: z.enum(REFUSALS), detail: z.string() }),
]);

export type Instance = Readonly<z.output<typeof instanceSchema>>;

/** Looks up instances. The data may be slightly stale, so a plain cache with a TTL is enough. */
@Injectable()
export class InstancesService {
  constructor(
    private readonly http: GuardedHttp,
    @Inject(CACHE_MANAGER) private readonly cache: Cache,
    private readonly health: CacheHealth,
    private readonly config: AppConfig,
  ) {}

  /**
   * @param input what users type: a host, a URL with a path, or a handle.
   * @throws {InvalidField} if it contains no valid address.
   */
  originOf(input: string): string {
    try {
      return originOfInput(input, (host) => this.config.instanceHostAllowlist.has(host));
    } catch (error) {
      if (!(error instanceof InvalidInstanceUrl)) throw error;
      throw new InvalidField([{ pointer: '/instance', detail: error.detail }]);
    }
  }

  /**
   * The instance at a canonical origin.
   *
   * @throws {InstanceRefused}
   */
  async at(origin: string): Promise<Instance> {
    const key = `instance:${origin}`;
    const cached = entrySchema.safeParse(await this.cached(key));
    if (cached.success && 'refused' in cached.data)
      throw new InstanceRefused(cached.data.refused, cached.data.detail);
    if (cached.success && 'found' in cached.data) return cached.data.found;
    try {
      const nodeinfo = await readNodeinfo(this.http, origin);
      const found = { origin, ...nodeinfo, platformType: instanceTypeOf(nodeinfo.software) };
      await this.store(key, { found }, FOUND_TTL_MS);
      return found;
    } catch (error) {
      if (!(error instanceof InstanceRefused)) throw error;
      await this.store(key, { refused: error.code, detail: error.message }, REFUSED_TTL_MS);
      throw error;
    }
  }

  traits({ platformType, software, version }: Instance): InstanceTraits | null {
    return platformType === null ? null : traitsOf(platformType, software, version);
  }

  private async cached(key: string): Promise<unknown> {
    if (this.health.bypassReason !== null) return undefined;
    // A failing store counts as a miss.
    return this.cache.get(key).catch(() => undefined);
  }

  private async store(key: string, entry: z.input<typeof entrySchema>, ttlMs: number): Promise<void> {
    if (this.health.bypassReason !== null) return;
    await this.cache.set(key, entry, ttlMs).catch(() => undefined);
  }
}
