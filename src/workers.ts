import cluster, { type Worker } from 'node:cluster';
import { createLogger } from './common/logger.js';
import { terminalLog } from './common/terminal-log.js';
import type { AppConfig } from './config/app-config.js';
import { shareMetrics } from './metrics/shared-metrics.js';

/** One that ends sooner than this after its start would end again and again. */
const SETTLED_MS = 10_000;
const STOP_SIGNALS = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const;

/**
 * Runs the processes of WORKERS, which share one port, and starts another in place of one that ends. They all stop with this
 * process, also if it is killed.
 *
 * @returns the exit code, when all have ended: 0 if they were told to and did so well.
 */
export async function superviseWorkers(config: AppConfig): Promise<number> {
  const logger = createLogger(config, await terminalLog(config));
  const startedAt = new Map<number, number>();
  let code = 0;
  let stopping = false;

  const start = (): void => {
    startedAt.set(cluster.fork().id, performance.now());
  };
  const stop = (signal: NodeJS.Signals): void => {
    stopping = true;
    for (const worker of running()) worker.process.kill(signal);
  };

  shareMetrics();
  return new Promise((resolve) => {
    cluster.on('exit', (worker, exitCode: number | null, signal: string | null) => {
      const lived = performance.now() - (startedAt.get(worker.id) ?? 0);
      startedAt.delete(worker.id);
      if (!stopping) {
        const again = lived >= SETTLED_MS;
        logger.error(
          { context: 'Workers', pid: worker.process.pid, exitCode, signal },
          `A process ended. ${again ? 'Another one starts.' : 'It had just started, so the others are stopped.'}`,
        );
        if (again) return start();
        code = exitCode || 1;
        stop('SIGTERM');
      } else if (exitCode !== 0) code ||= exitCode ?? 1;
      if (running().length === 0) resolve(code);
    });
    for (const signal of STOP_SIGNALS) process.on(signal, stop);
    for (let started = 0; started < config.workers; started++) start();
  });
}

function running(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
}
