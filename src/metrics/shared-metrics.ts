import cluster from 'node:cluster';
import { randomUUID } from 'node:crypto';
import { AggregatorRegistry, type Registry } from 'prom-client';
import { z } from 'zod';

/** The process above answers, or says that it cannot, within 5 seconds. */
const TIMEOUT_MS = 10_000;

const question = z.object({ askedForMetrics: z.string() });
const answer = z.object({ metricsFor: z.string(), text: z.string().nullable() });

/** In the process above the workers: whichever of them is asked for metrics gets those of all, added up. */
export function shareMetrics(): void {
  const all = new AggregatorRegistry();
  cluster.on('message', (worker, message) => {
    const { success, data } = question.safeParse(message);
    if (!success) return;
    const reply = (text: string | null): void => {
      if (worker.isConnected()) worker.send({ metricsFor: data.askedForMetrics, text });
    };
    all.clusterMetrics().then(reply, () => reply(null));
  });
}

/** The metrics of one process: its own, or in a worker those of all workers together. */
export class SharedMetrics {
  #asking: Promise<string> | null = null;

  constructor(private readonly own: Registry) {
    if (!cluster.isWorker) return;
    AggregatorRegistry.setRegistries(own);
    // It answers the process above, which asks each worker.
    new AggregatorRegistry();
  }

  /** @throws {Error} when another worker does not answer. */
  async text(): Promise<string> {
    if (!cluster.isWorker) return this.own.metrics();
    this.#asking ??= askForAll().finally(() => (this.#asking = null));
    return this.#asking;
  }
}

function askForAll(): Promise<string> {
  const id = randomUUID();
  return new Promise((resolve, reject) => {
    const settle = (text: string | null): void => {
      clearTimeout(timer);
      process.off('message', hear);
      if (text === null) reject(new Error('Not all processes have told their metrics.'));
      else resolve(text);
    };
    const hear = (message: unknown): void => {
      const { success, data } = answer.safeParse(message);
      if (success && data.metricsFor === id) settle(data.text);
    };
    const timer = setTimeout(() => settle(null), TIMEOUT_MS);
    process.on('message', hear);
    process.send?.({ askedForMetrics: id });
  });
}
