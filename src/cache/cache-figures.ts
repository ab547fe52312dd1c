import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Durations } from '../common/durations.js';
import { CacheHealth } from './cache-health.js';
import { CacheMeter } from './cache-meter.js';
import type { CacheOutcome } from './cache-read.js';
import type { CacheResource } from './cache-spec.js';
import { SelfAudit } from './self-audit.js';

export type { CacheOutcome } from './cache-read.js';
export const CACHE_OUTCOMES = [
  'hit',
  'miss',
  'collapsed',
  'bypass',
  'error',
  'corrupt',
] as const satisfies readonly CacheOutcome[];

/** Upper bounds of the histograms' buckets. */
const READ_SECONDS = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

type Outcomes = Readonly<Record<CacheOutcome, Durations>>;

/** What this process has counted since its start, and the health of the store. */
@Injectable()
export class CacheFigures {
  /** New at each start. Counters with different ids belong to different processes and cannot be compared. */
  readonly #processId = randomUUID();
  readonly #reads = new Map<CacheResource, Outcomes>();

  constructor(
    meter: CacheMeter,
    private readonly health: CacheHealth,
    private readonly audit: SelfAudit,
  ) {
    meter.onRead(({ resource, outcome, durationSeconds }) => {
      let outcomes = this.#reads.get(resource);
      if (outcomes === undefined) this.#reads.set(resource, (outcomes = noReads()));
      outcomes[outcome].observe(durationSeconds);
    });
  }

  /** Durations by resource and outcome; without the pairs that have not occurred. */
  *reads(): Iterable<{ resource: CacheResource; outcome: CacheOutcome; durations: Durations }> {
    for (const [resource, outcomes] of this.#reads) {
      for (const outcome of CACHE_OUTCOMES) {
        const durations = outcomes[outcome];
        if (durations.count > 0) yield { resource, outcome, durations };
      }
    }
  }

  async read() {
    return {
      processId: this.#processId,
      store: this.health.kind,
      breaker: this.health.state,
      behind: this.health.behind,
      entries: await this.health.entries(),
      inconsistencies: this.audit.inconsistencies,
      durations: this.durations(),
      resources: [...this.#reads].map(([resource, reads]) => {
        const outcomes = Object.fromEntries(
          CACHE_OUTCOMES.map((outcome) => [outcome, reads[outcome].count]),
        ) as Record<CacheOutcome, number>;
        const requests = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
        return { resource, requests, hitRatio: requests === 0 ? null : outcomes.hit / requests, outcomes };
      }),
    };
  }

  private durations(): { upToSeconds: number | null; reads: number }[] {
    const all = [...this.reads()];
    let reads = 0;
    return [...READ_SECONDS, null].map((upToSeconds, place) => {
      for (const { durations } of all) reads += durations.counts[place] ?? 0;
      return { upToSeconds, reads };
    });
  }
}

function noReads(): Outcomes {
  const none = (): Durations => new Durations(READ_SECONDS);
  return { hit: none(), miss: none(), collapsed: none(), bypass: none(), error: none(), corrupt: none() };
}
