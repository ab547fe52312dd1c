import { Injectable, Logger } from '@nestjs/common';
import { ServiceUnavailable } from '../common/domain-error.js';
import { OutageLog } from '../common/outage-log.js';
import { AppConfig } from '../config/app-config.js';
import { type Presence, presenceOf } from '../instances/host-names.js';
import { PlatformChecks } from '../platforms/checks/platform-checks.js';
import { TokenRefresh } from '../platforms/renewal/token-refresh.js';
import { AccountSnapshots } from '../snapshots/account-snapshots.js';
import { InstanceVisit } from './instance-visit.js';
import { type VisitOutcome, WatchMeter } from './watch-meter.js';
import { WatchSchedule } from './watch-schedule.js';

/** The most instances that one round hands out. */
const MAX_INSTANCES = 1000;
const CLEANUP_INTERVAL_MS = 3_600_000;

/** Checks connections in the background. WatchRounds decides when, and in which process. */
@Injectable()
export class Watcher {
  readonly #logger = new Logger('Watcher');
  readonly #intervalMs: number;
  #cleanedUpAt = Number.NEGATIVE_INFINITY;
  readonly #outage = new OutageLog(this.#logger);

  constructor(
    private readonly schedule: WatchSchedule,
    private readonly checks: PlatformChecks,
    private readonly refresh: TokenRefresh,
    private readonly snapshots: AccountSnapshots,
    private readonly meter: WatchMeter,
    private readonly config: AppConfig,
  ) {
    this.#intervalMs = config.watch.intervalSeconds * 1000;
  }

  /** @returns the instances to visit. Never throws: while the database is down, the list is empty. */
  async due(): Promise<string[]> {
    const started = performance.now();
    try {
      await this.schedule.plan(this.#intervalMs);
      await this.cleanUp();
      const origins = await this.schedule.dueInstances(MAX_INSTANCES);
      this.meter.record({ kind: 'round', outcome: 'completed', seconds: since(started) });
      return origins;
    } catch (error) {
      this.meter.record({ kind: 'round', outcome: 'failed', seconds: since(started) });
      this.report(error);
      return [];
    }
  }

  /** Runs the due checks of one instance, one connection after the other. Never throws. */
  async visit(origin: string, signal: AbortSignal): Promise<VisitOutcome> {
    const started = performance.now();
    let outcome: VisitOutcome = 'failed';
    try {
      const { schedule, checks, refresh, meter } = this;
      const { instanceHostAllowlist } = this.config;
      const presence = (of: string): Promise<Presence> => presenceOf(of, instanceHostAllowlist);
      const tools = { schedule, checks, refresh, meter, presence };
      const visit = new InstanceVisit(tools, this.config, origin, signal);
      outcome = await visit.run();
      this.#outage.succeeded();
    } catch (error) {
      // Claimed checks become due again when their lease expires.
      this.report(error);
    }
    this.meter.record({ kind: 'visit', outcome, seconds: since(started) });
    return outcome;
  }

  private async cleanUp(): Promise<void> {
    if (performance.now() - this.#cleanedUpAt < CLEANUP_INTERVAL_MS) return;
    await this.snapshots.cleanUp();
    await this.schedule.cleanUp();
    this.#cleanedUpAt = performance.now();
  }

  /** Logs an outage of the database once, not for each instance. */
  private report(error: unknown): void {
    if (error instanceof ServiceUnavailable)
      this.#outage.failed(`Connections are not being watched: ${error.code}`);
    else this.#logger.error(error);
  }
}

function since(started: number): number {
  return (performance.now() - started) / 1000;
}
