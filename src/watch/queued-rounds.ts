import { createHash } from 'node:crypto';
import type { Logger } from '@nestjs/common';
import { type Job, Queue, Worker } from 'bullmq';
import { withDeadline } from '../cache/deadline.js';
import { createQueueClient } from '../cache/redis/queue-client.js';
import { OutageLog } from '../common/outage-log.js';
import type { RedisTarget } from '../config/redis-target.js';
import type { LocalRoundsOptions } from './local-rounds.js';
import { WatchRounds } from './watch-rounds.js';
import type { Watcher } from './watcher.js';

/** After CACHE_KEY_PREFIX. The braces keep all keys of the queue in one slot of a Redis Cluster. */
const PREFIX = '{platform-manager}';
const NAME = 'watch';
const MAX_EVENTS = 100;
/** An instance that waits in the queue is not added again for this long. */
const WAITING_MS = 60_000;
const FETCH_RETRY_MS = 1000;
/** Time for BullMQ to close its connections. Redis may hang. */
const CLOSE_MS = 1000;

type QueueClient = ReturnType<typeof createQueueClient>;

interface VisitData {
  readonly origin?: string;
}

/**
 * Rounds over BullMQ. In each interval one process looks for due instances, and any free worker takes the next one. The
 * queue only distributes the work; the database records what is due and which process has claimed it. If Redis loses its
 * data, the only cost is waiting for the next round. If Redis is down, only the watching stops. A job contains an
 * instance's origin, never a token.
 */
export class QueuedRounds extends WatchRounds {
  readonly #abort = new AbortController();
  /** Looks and visits of the watcher, which never reject. */
  readonly #running = new Set<Promise<unknown>>();
  readonly #clients: QueueClient[] = [];
  #parts: { readonly queue: Queue<VisitData>; readonly worker: Worker<VisitData> } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #offering = false;
  readonly #outage: OutageLog;

  constructor(
    private readonly target: RedisTarget,
    private readonly keyPrefix: string,
    private readonly watcher: Watcher,
    private readonly options: LocalRoundsOptions,
    logger: Pick<Logger, 'log' | 'warn'>,
  ) {
    super();
    this.#outage = new OutageLog(logger, 'Redis accepts jobs again. Watching of connections resumes.');
  }

  start(): void {
    const prefix = this.keyPrefix + PREFIX;
    const shared = { connection: this.connect(`${prefix}:${NAME}`), prefix, skipVersionCheck: true };
    const queue = new Queue<VisitData>(NAME, {
      ...shared,
      streams: { events: { maxLen: MAX_EVENTS } },
      // Finished jobs are not kept: the database records the results, and error texts do not belong in Redis.
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
    });
    const worker = new Worker<VisitData>(NAME, (job) => this.process(queue, job), {
      ...shared,
      concurrency: this.options.concurrency,
      runRetryDelay: FETCH_RETRY_MS,
    });
    // Every failed connection attempt and every failed command emits an error.
    queue.on('error', (error) => this.failed(error));
    worker.on('error', (error) => this.failed(error));
    this.#parts = { queue, worker };
    this.#timer = setInterval(() => void this.offer(), this.options.roundMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#abort.abort();
    // Not for the jobs: they may be waiting for Redis.
    await Promise.all(this.#running);
    const { queue, worker } = this.#parts ?? {};
    const disconnected = !this.#clients.some(({ status }) => status === 'ready');
    // A hanging Redis never answers, and a worker that has never been connected waits for a connection before it closes.
    // After the deadline, only destroying the clients is left.
    await Promise.allSettled(
      [worker?.close(disconnected), queue?.close()].map((closed) =>
        withDeadline(Promise.resolve(closed), CLOSE_MS),
      ),
    );
    for (const client of this.#clients) client.disconnect();
  }

  /** Every process adds the round to the queue. Deduplication keeps the first one in each interval. */
  private async offer(): Promise<void> {
    // While Redis is down, the previous call is still pending, and one is enough.
    if (this.#offering || this.#parts === undefined) return;
    this.#offering = true;
    try {
      const ttl = Math.ceil(this.options.roundMs * 0.9);
      await this.#parts.queue.add('round', {}, { deduplication: { id: 'round', ttl } });
      this.#outage.succeeded();
    } catch (error) {
      this.failed(error);
    } finally {
      this.#offering = false;
    }
  }

  private async process(queue: Queue<VisitData>, { data: { origin } }: Job<VisitData>): Promise<void> {
    if (origin !== undefined) {
      // Also when this process stops and does not visit: otherwise no other one could for WAITING_MS.
      await queue.removeDeduplicationKey(waitingId(origin));
      if (this.#abort.signal.aborted) return;
      await this.track(this.watcher.visit(origin, this.#abort.signal));
      return;
    }
    if (this.#abort.signal.aborted) return;
    for (const due of await this.track(this.watcher.due())) {
      const deduplication = { id: waitingId(due), ttl: WAITING_MS };
      await queue.add('visit', { origin: due }, { deduplication });
    }
  }

  private track<T>(work: Promise<T>): Promise<T> {
    this.#running.add(work);
    return work.finally(() => this.#running.delete(work));
  }

  private failed(error: unknown): void {
    if (this.#abort.signal.aborted) return;
    const why = error instanceof Error ? error.message || error.name : String(error);
    this.#outage.failed(`Connections are not watched until Redis accepts jobs: ${why}`);
  }

  /**
   * BullMQ duplicates the client and does not expose the duplicate. Both are tracked here; otherwise the duplicate would
   * outlive stop() while Redis is down.
   */
  private connect(key: string): QueueClient {
    const client = createQueueClient(this.target, key, this.#abort.signal);
    const tracked = (queueClient: QueueClient): QueueClient => {
      this.#clients.push(queueClient);
      return queueClient;
    };
    const duplicate = client.duplicate.bind(client);
    client.duplicate = (override) => tracked(duplicate(override));
    return tracked(client);
  }
}

/** A hash, because an origin contains colons, which BullMQ uses as separators. */
function waitingId(origin: string): string {
  return createHash('sha256').update(origin).digest('hex');
}
