import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { ServiceUnavailable } from '../common/domain-error.js';
import type { AppConfig } from '../config/app-config.js';
import type { AccountCheck } from '../instances/check-outcome.js';
import type { PlatformChecks } from '../platforms/platform-checks.js';
import type { RefreshOutcome, TokenRefresh } from './token-refresh.js';
import type { VisitOutcome, WatchMeter } from './watch-meter.js';
import { backOffMs, nextCheckMs, pauseMs, signOfLife } from './watch-plan.js';
import type { ClaimedCheck, WatchSchedule } from './watch-schedule.js';

const BATCH = 20;
/** Requests of one connection at most: metadata and token of a refresh, the check, and two of nodeinfo. */
const REQUESTS = 5;
/** A visit ends after so long, with more to do or not: other instances wait for the place. */
const LONGEST_VISIT_MS = 5 * 60_000;
/** Nonsense in a row, after which an instance counts as gone. One account may well have such a trouble of its own. */
const MAX_ILL = 3;

export interface VisitTools {
  readonly schedule: WatchSchedule;
  readonly checks: PlatformChecks;
  readonly refresh: TokenRefresh;
  readonly meter: WatchMeter;
}

type Verdict =
  | 'go-on'
  | 'gone'
  | { readonly pauseMs: number; /** Whether this check is still to be made. */ readonly again: boolean };

/** One visit to one instance. Requests are made one after the other and spaced, whoever's connections they are for. */
export class InstanceVisit {
  readonly #logger = new Logger('Watcher');
  readonly #leaseMs: number;
  readonly #spacingMs: number;
  readonly #intervalMs: number;
  #nextAt = performance.now();
  #ill = 0;
  #answered = false;

  constructor(
    private readonly tools: VisitTools,
    { watch, instanceTimeoutMs }: Pick<AppConfig, 'watch' | 'instanceTimeoutMs'>,
    private readonly origin: string,
    private readonly signal: AbortSignal,
  ) {
    this.#spacingMs = watch.spacingMs;
    this.#intervalMs = watch.intervalSeconds * 1000;
    // As long as a batch can take: a process that dies leaves its work to the others after that.
    this.#leaseMs = BATCH * (2 * watch.spacingMs + REQUESTS * instanceTimeoutMs);
  }

  async run(): Promise<VisitOutcome> {
    const { schedule } = this.tools;
    const failures = await schedule.enter(this.origin, this.#leaseMs);
    if (failures === null) return 'busy';
    const until = performance.now() + LONGEST_VISIT_MS;
    for (;;) {
      const claimed = await schedule.claim(this.origin, BATCH, this.#leaseMs);
      const outcome = await this.batch(claimed, failures);
      if (outcome !== null) return outcome;
      if (claimed.length < BATCH || performance.now() > until) {
        await schedule.leave(this.origin, this.#answered ? 0 : failures, this.#spacingMs);
        return claimed.length < BATCH ? 'done' : 'out_of_time';
      }
      await schedule.stay(this.origin, this.#leaseMs);
    }
  }

  /** Null when all of it is done; else the visit is over, and what was not done is given back. */
  private async batch(claimed: readonly ClaimedCheck[], failures: number): Promise<VisitOutcome | null> {
    for (const [index, next] of claimed.entries()) {
      if (this.signal.aborted) {
        await this.end(claimed.slice(index), this.#answered ? 0 : failures, 0);
        return 'stopped';
      }
      const verdict = await this.one(next);
      if (verdict === 'go-on') continue;
      const rest = claimed.slice(index + 1);
      if (verdict === 'gone') {
        const now = this.#answered ? 1 : failures + 1;
        await this.end(rest, now, backOffMs(now, Math.random()));
        return 'unreachable';
      }
      await this.end(rest, 0, verdict.pauseMs);
      // Behind all others: the limit may be its own, and it would be the first to meet it again.
      if (verdict.again) await this.tools.schedule.giveBack([next]);
      return 'limited';
    }
    return null;
  }

  private async end(rest: readonly ClaimedCheck[], failures: number, pause: number): Promise<void> {
    await this.tools.schedule.giveBack(rest);
    await this.tools.schedule.leave(this.origin, failures, pause);
  }

  private async one({ platformId, refreshDue }: ClaimedCheck): Promise<Verdict> {
    const { checks, schedule, meter } = this.tools;
    let check: AccountCheck | null = null;
    try {
      if (refreshDue) {
        const refreshed = await this.refreshed(platformId);
        // The next step would find the same, and wait for it as long.
        if (refreshed === 'instance_unreachable') {
          await schedule.checked(platformId, nextCheckMs(this.#intervalMs, Math.random()));
          return 'gone';
        }
      }
      await this.pace();
      check = await checks.watch(platformId);
      meter.record({ kind: 'check', outcome: check?.outcome ?? 'gone' });
    } catch (error) {
      if (error instanceof ServiceUnavailable) throw error;
      // Whatever is wrong with this one, the others behind it have their turn.
      this.#logger.error(error);
      meter.record({ kind: 'check', outcome: 'failed' });
    }
    if (check?.outcome !== 'rate_limited')
      await schedule.checked(platformId, nextCheckMs(this.#intervalMs, Math.random()));
    return check === null ? 'go-on' : this.judge(check);
  }

  private async refreshed(platformId: number): Promise<RefreshOutcome> {
    await this.pace();
    const outcome = await this.tools.refresh.refresh(platformId);
    this.tools.meter.record({ kind: 'refresh', outcome });
    return outcome;
  }

  private judge(check: AccountCheck): Verdict {
    const sign = signOfLife(check.outcome);
    if (sign === 'alive') this.#answered = true;
    if (sign !== 'none') this.#ill = sign === 'ill' ? this.#ill + 1 : 0;
    if (sign === 'gone' || this.#ill >= MAX_ILL) return 'gone';
    const pause = pauseMs(check, check.checkedAt);
    return pause === null ? 'go-on' : { pauseMs: pause, again: check.outcome === 'rate_limited' };
  }

  /** Waits until the next request may be made. */
  private async pace(): Promise<void> {
    const waitMs = this.#nextAt - performance.now();
    if (waitMs > 0) await sleep(waitMs, undefined, { signal: this.signal }).catch(() => undefined);
    this.#nextAt = performance.now() + this.#spacingMs;
  }
}
