import { Injectable } from '@nestjs/common';
import { CacheHealth } from './cache-health.js';
import { CacheMeter } from './cache-meter.js';
import type { CacheOutcome } from './cache-read.js';
import type { CacheResource } from './cache-spec.js';
import { withDeadline } from './deadline.js';
import { LeaseStore } from './lease-store.js';
import { MemoryStore } from './memory-store.js';
import { RedisLink } from './redis-link.js';

export type { CacheOutcome } from './cache-read.js';
export const CACHE_OUTCOMES = [
  'hit',
  'miss',
  'collapsed',
  'bypass',
  'error',
  'corrupt',
] as const satisfies readonly CacheOutcome[];

const DEADLINE_MS = 500;

type Outcomes = Record<CacheOutcome, number>;

/** What this process has counted since its start, and how the store is. */
@Injectable()
export class CacheFigures {
  readonly #counts = new Map<CacheResource, Outcomes>();

  constructor(
    meter: CacheMeter,
    private readonly health: CacheHealth,
    private readonly store: LeaseStore,
  ) {
    meter.onRead(({ resource, outcome }) => {
      let outcomes = this.#counts.get(resource);
      if (outcomes === undefined) {
        outcomes = { hit: 0, miss: 0, collapsed: 0, bypass: 0, error: 0, corrupt: 0 };
        this.#counts.set(resource, outcomes);
      }
      outcomes[outcome]++;
    });
  }

  async read() {
    return {
      store: this.health instanceof RedisLink ? ('redis' as const) : ('memory' as const),
      breaker: this.health.state,
      behind: this.health.behind,
      entries: await this.entries(),
      resources: [...this.#counts].map(([resource, outcomes]) => {
        const requests = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
        return { resource, requests, hitRatio: requests === 0 ? null : outcomes.hit / requests, outcomes };
      }),
    };
  }

  private async entries(): Promise<number | null> {
    if (this.store instanceof MemoryStore) return this.store.size;
    if (!(this.health instanceof RedisLink) || this.health.state !== 'closed') return null;
    try {
      return await withDeadline(this.health.client.dbSize(), DEADLINE_MS);
    } catch {
      // A figure that cannot be had is not a reason to refuse the others.
      return null;
    }
  }
}
