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

/** Software is upgraded now and then; an hour late is early enough to know. */
const FOUND_TTL_MS = 3_600_000;
/** Whoever is told "unreachable" tries again soon, and should find the instance when it is back. */
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

/** What is known of instances: nothing that must be right to the second, so a plain cache with a TTL serves. */
@Injectable()
export class InstancesService {
  constructor(
    private readonly http: GuardedHttp,
    @Inject(CACHE_MANAGER) private readonly cache: Cache,
    private readonly health: CacheHealth,
    private readonly config: AppConfig,
  ) {}

  /**
   * @param input whatever people type: a host, a URL with a path, a handle.
   * @throws {InvalidField} when it holds no address.
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
   * What runs at a canonical origin.
   *
   * @throws {InstanceRefused}
   */
  async at(origin: string): Promise<Instance> {
    const key = `instance:${origin}`;
    const kept = entrySchema.safeParse(await this.kept(key));
    if (kept.success && 'refused' in kept.data)
      throw new InstanceRefused(kept.data.refused, kept.data.detail);
    if (kept.success && 'found' in kept.data) return kept.data.found;
    try {
      const nodeinfo = await readNodeinfo(this.http, origin);
      const found = { origin, ...nodeinfo, platformType: instanceTypeOf(nodeinfo.software) };
      await this.keep(key, { found }, FOUND_TTL_MS);
      return found;
    } catch (error) {
      if (!(error instanceof InstanceRefused)) throw error;
      await this.keep(key, { refused: error.code, detail: error.message }, REFUSED_TTL_MS);
      throw error;
    }
  }

  traits({ platformType, software, version }: Instance): InstanceTraits | null {
    return platformType === null ? null : traitsOf(platformType, software, version);
  }

  private async kept(key: string): Promise<unknown> {
    if (this.health.bypassReason !== null) return undefined;
    // A store that is unwell is as one with nothing in it.
    return this.cache.get(key).catch(() => undefined);
  }

  private async keep(key: string, entry: z.input<typeof entrySchema>, ttlMs: number): Promise<void> {
    if (this.health.bypassReason !== null) return;
    await this.cache.set(key, entry, ttlMs).catch(() => undefined);
  }
}
