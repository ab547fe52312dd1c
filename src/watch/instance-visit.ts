import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { ServiceUnavailable } from '../common/domain-error.js';
import type { AppConfig } from '../config/app-config.js';
import type { AccountCheck } from '../instances/check-outcome.js';
import type { Presence } from '../instances/host-names.js';
import type { PlatformChecks } from '../platforms/checks/platform-checks.js';
import {
  type RefreshOutcome,
  type TokenRefresh,
  passingFailure,
} from '../platforms/renewal/token-refresh.js';
import type { VisitOutcome, WatchMeter } from './watch-meter.js';
import { backOffMs, goneMs, nextCheckMs, pauseMs, signOfLife } from './watch-plan.js';
import type { ClaimedCheck, WatchSchedule } from './watch-schedule.js';

/** Few, so that what has failed for the first time is checked again soon. */
const BATCH = 10;
/**
 * The most requests that one connection needs: two to refresh its token, the check, three for a handle of another domain. At
 * Bluesky six to refresh its token, and eight for the check: its identity, metadata, session and profile, with new nonces.
 */
const REQUESTS = 14;
/** The most requests to learn what runs at an instance, which is cached for all its connections: documents, redirects, probes. */
const LOOK_UP_REQUESTS = 10;
/** A visit ends after this time even if checks are left, because other instances wait for the slot. */
const LONGEST_VISIT_MS = 5 * 60_000;
/** An instance counts as gone after this many faulty responses in a row. A single one may concern one account only. */
const MAX_FAULTY = 3;

export interface VisitTools {
  readonly schedule: WatchSchedule;
  readonly checks: PlatformChecks;
  readonly refresh: TokenRefresh;
  readonly meter: WatchMeter;
  /** Whether the name of an instance exists. */
  readonly presence: (origin: string) => Promise<Presence>;
}

type Verdict =
  | 'go-on'
  | 'gone'
  | { readonly pauseMs: number; /** Whether this check must be repeated. */ readonly repeat: boolean };

/** One visit to one instance. Its requests run one after the other with a pause between them, across all users. */
export class InstanceVisit {
  readonly #logger = new Logger('Watcher');
  readonly #leaseMs: number;
  readonly #spacingMs: number;
  readonly #intervalMs: number;
  #nextAt = performance.now();
  #faulty = 0;
  #answered = false;

  constructor(
    private readonly tools: VisitTools,
    { watch, instanceTimeoutMs }: Pick<AppConfig, 'watch' | 'instanceTimeoutMs'>,
    private readonly origin: string,
    private readonly signal: AbortSignal,
  ) {
    this.#spacingMs = watch.spacingMs;
    this.#intervalMs = watch.intervalSeconds * 1000;
    // The longest time that a batch can take. If the process dies, others take over its work after that.
    this.#leaseMs =
      BATCH * (2 * watch.spacingMs + REQUESTS * instanceTimeoutMs) + LOOK_UP_REQUESTS * instanceTimeoutMs;
  }

  async run(): Promise<VisitOutcome> {
    const { schedule } = this.tools;
    const entered = await schedule.enter(this.origin, this.#leaseMs);
    if (entered === null) return 'busy';
    const { failures, isGone } = entered;
    // Only a name that is there again is a reason to ask the instance.
    if (isGone && (await this.tools.presence(this.origin)) !== 'present') return this.leaveGone(failures);
    const until = performance.now() + LONGEST_VISIT_MS;
    for (;;) {
      const claimed = await schedule.claim(this.origin, BATCH, this.#leaseMs);
      const outcome = await this.batch(claimed, failures);
      if (outcome !== null) return outcome;
      if (claimed.length < BATCH || performance.now() > until) {
        await this.leave(this.#answered ? 0 : failures, this.#spacingMs);
        return claimed.length < BATCH ? 'done' : 'out_of_time';
      }
      await schedule.stay(this.origin, this.#leaseMs);
    }
  }

  /** Null if every check is done. Otherwise the visit is over and the remaining checks are given back. */
  private async batch(claimed: readonly ClaimedCheck[], failures: number): Promise<VisitOutcome | null> {
    for (const [index, next] of claimed.entries()) {
      if (this.signal.aborted) {
        await this.end(claimed.slice(index), this.#answered ? 0 : failures, 0);
        return 'stopped';
      }
      const verdict = await this.one(next, failures > 0);
      if (verdict === 'go-on') continue;
      const rest = claimed.slice(index + 1);
      if (verdict === 'gone') {
        const newFailures = this.#answered ? 1 : failures + 1;
        const presence = await this.tools.presence(this.origin);
        await this.end(rest, newFailures, backOffMs(newFailures, Math.random()), presence);
        return 'unreachable';
      }
      await this.end(rest, 0, verdict.pauseMs);
      // Goes to the end of the queue: if the limit applies to this account only, it would be the first to hit it again.
      if (verdict.repeat) await this.tools.schedule.giveBack([next]);
      return 'limited';
    }
    return null;
  }

  private async end(
    rest: readonly ClaimedCheck[],
    failures: number,
    pause: number,
    presence?: Presence,
  ): Promise<void> {
    await this.tools.schedule.giveBack(rest);
    await this.leave(failures, pause, presence);
  }

  private leave(
    failures: number,
    pause: number,
    presence: Presence = this.#answered ? 'present' : 'unknown',
  ): Promise<void> {
    return this.tools.schedule.leave(this.origin, failures, pause, presence);
  }

  /** Gives every connection that is due its status, without a request. */
  private async leaveGone(failures: number): Promise<VisitOutcome> {
    const { schedule, checks, meter } = this.tools;
    for (;;) {
      const claimed = await schedule.claim(this.origin, BATCH, this.#leaseMs);
      for (const { platformId } of claimed) {
        const check = await checks.watch(platformId, { isGone: true });
        meter.record({ kind: 'check', outcome: check?.outcome ?? 'gone' });
        await schedule.checked(platformId, nextCheckMs(this.#intervalMs, Math.random()));
      }
      if (claimed.length < BATCH || this.signal.aborted) {
        await this.leave(failures + 1, claimed.length < BATCH ? goneMs(Math.random()) : 0);
        return claimed.length < BATCH ? 'unreachable' : 'stopped';
      }
      await schedule.stay(this.origin, this.#leaseMs);
    }
  }

  /** @param instanceFailed whether the visit before this one has failed. */
  private async one({ platformId, refreshDue }: ClaimedCheck, instanceFailed: boolean): Promise<Verdict> {
    const { checks, schedule, meter } = this.tools;
    let check: AccountCheck | null = null;
    try {
      let refreshed: RefreshOutcome | null = null;
      if (refreshDue) {
        refreshed = await this.refreshed(platformId);
        // The check would run into the same timeout.
        if (refreshed === 'instance_unreachable') {
          await schedule.checked(platformId, nextCheckMs(this.#intervalMs, Math.random()));
          return 'gone';
        }
      }
      await this.pace();
      check = await checks.watch(platformId, {
        failure: passingFailure(refreshed),
        hasFailed: refreshed === 'invalid_grant' || (instanceFailed && !this.#answered),
      });
      meter.record({ kind: 'check', outcome: check?.outcome ?? 'gone' });
    } catch (error) {
      if (error instanceof ServiceUnavailable) throw error;
      // An error with this connection must not stop the checks of the others.
      this.#logger.error(error);
      meter.record({ kind: 'check', outcome: 'failed' });
    }
    if (check?.outcome !== 'rate_limited')
      await schedule.checked(platformId, nextCheckMs(this.#intervalMs, Math.random()), check !== null);
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
    if (sign !== 'none') this.#faulty = sign === 'faulty' ? this.#faulty + 1 : 0;
    if (sign === 'gone' || this.#faulty >= MAX_FAULTY) return 'gone';
    const pause = pauseMs(check, check.checkedAt);
    return pause === null ? 'go-on' : { pauseMs: pause, repeat: check.outcome === 'rate_limited' };
  }

  /** Waits until the next request may be made. */
  private async pace(): Promise<void> {
    const waitMs = this.#nextAt - performance.now();
    if (waitMs > 0) await sleep(waitMs, undefined, { signal: this.signal }).catch(() => undefined);
    this.#nextAt = performance.now() + this.#spacingMs;
  }
}
