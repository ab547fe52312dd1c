import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultDeployment } from './fault-deployment.js';
import { type FaultProcess, waitingIn } from './fault-process.js';
import { SteadyLoad, durations, quantile } from './load.js';

interface PoolSample {
  /** By performance.now(), in milliseconds, before anything was asked. */
  readonly at: number;
  /** Connections of all processes together, as PostgreSQL sees them; null while it cannot be asked. */
  readonly server: number | null;
  /** Of each process, as it sees its own pool and the gate before it. */
  readonly processes: readonly ProcessSample[];
}

interface ProcessSample {
  readonly connections: number;
  /** At the gate and in the pool together. */
  readonly waiting: number;
  readonly waitingInPool: number;
}

const INTERVAL_MS = 100;

/** Samples the pools for as long as a fault lasts. */
export class PoolWatch {
  readonly samples: PoolSample[] = [];
  private stopped = false;
  private readonly running: Promise<void>;

  constructor(
    private readonly deployment: FaultDeployment,
    private readonly processes: readonly FaultProcess[],
  ) {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  /** The most that any process had, by its own count. */
  get mostConnections(): number {
    return Math.max(
      ...this.samples.flatMap(({ processes }) => processes.map(({ connections }) => connections)),
    );
  }

  /** The most that the server counted for all of them. */
  get mostOnServer(): number {
    return Math.max(0, ...this.samples.map(({ server }) => server ?? 0));
  }

  /**
   * The shortest queue for the database, at the gate or in the pool, in samples of this time. A queue that empties now and then
   * does not build up, however busy the machine is.
   */
  leastWaiting(from: number, to: number): number {
    const samples = this.samples.filter(({ at }) => at >= from && at < to);
    return Math.min(
      ...samples.map(({ processes }) => processes.reduce((all, { waiting }) => all + waiting, 0)),
    );
  }

  /** The longest queue behind the gate, where there should be none. */
  get mostWaitingInPool(): number {
    return Math.max(
      ...this.samples.flatMap(({ processes }) => processes.map(({ waitingInPool }) => waitingInPool)),
    );
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      const at = performance.now();
      const [server, ...pools] = await Promise.all([
        this.deployment.pooledConnections().catch(() => null),
        ...this.processes.map((process) => poolOf(process).catch(() => null)),
      ]);
      this.samples.push({ at, server, processes: pools.filter((pool) => pool !== null) });
      await sleep(INTERVAL_MS);
    }
  }
}

const PROBES_PER_SECOND = 20;

/**
 * How slow processes answer that need neither server for it: what a busy machine adds to every answer. Limits in
 * milliseconds are meant on top of it; on a quiet machine it is next to nothing.
 */
export class NoiseProbe {
  private readonly load: SteadyLoad;

  constructor(processes: readonly FaultProcess[]) {
    this.load = new SteadyLoad(PROBES_PER_SECOND * processes.length, (n) => {
      const process = processes[n % processes.length];
      if (process === undefined) throw new Error('There is no process to probe');
      return process.get('/health/live');
    });
  }

  async stop(): Promise<void> {
    await this.load.stop();
  }

  /** Milliseconds, of the probes sent in this time by performance.now(). */
  p99(from = 0, to = Number.POSITIVE_INFINITY): number {
    const sent = this.load.replies.filter(({ sentAt }) => sentAt >= from && sentAt <= to);
    return quantile(durations(sent), 0.99);
  }
}

async function poolOf(process: FaultProcess): Promise<ProcessSample> {
  const metrics = await process.metrics();
  const count = (state: string): number => metrics.get(`database_pool_connections{state="${state}"}`) ?? NaN;
  return {
    connections: count('idle') + count('used'),
    waiting: waitingIn(metrics),
    waitingInPool: count('waiting'),
  };
}
