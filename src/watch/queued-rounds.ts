import { createHash } from 'node:crypto';
import type { Logger } from '@nestjs/common';
import { type Job, Queue, Worker } from 'bullmq';
import { createClient } from 'redis';
import { withDeadline } from '../cache/deadline.js';
import type { LocalRoundsOptions } from './local-rounds.js';
import { WatchRounds } from './watch-rounds.js';
import type { Watcher } from './watcher.js';

/** The braces keep all keys of the queue in one slot of a Redis Cluster. */
const PREFIX = '{platform-manager}';
const NAME = 'watch';
const MAX_EVENTS = 100;
/** While an instance waits in the queue, and for no longer than this, it is not put there again. */
const WAITING_MS = 60_000;
const RECONNECT_MAX_MS = 5000;
const FETCH_RETRY_MS = 1000;
/** For BullMQ to say goodbye to a Redis that may hang. */
const CLOSE_MS = 1000;

type RedisClient = ReturnType<typeof connectTo>;

interface VisitData {
  readonly origin?: string;
}

/**
 * Rounds over BullMQ: of all processes one looks in each interval, and whoever is free takes the next instance. The queue
 * only hands out; what is due, and who is at it, stands in the database. So a Redis that loses everything costs nothing
 * but the wait for the next round, and one that is away stops the watching and nothing else. Jobs hold an instance's
 * origin, never a token.
 */
export class QueuedRounds extends WatchRounds {
  readonly #abort = new AbortController();
  readonly #jobs = new Set<Promise<void>>();
  readonly #clients: RedisClient[] = [];
  #parts: { readonly queue: Queue<VisitData>; readonly worker: Worker<VisitData> } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #offering = false;
  #failing = false;

  constructor(
    private readonly url: string,
    private readonly watcher: Watcher,
    private readonly options: LocalRoundsOptions,
    private readonly logger: Pick<Logger, 'log' | 'warn'>,
  ) {
    super();
  }

  start(): void {
    const shared = { connection: this.connect(), prefix: PREFIX, skipVersionCheck: true };
    const queue = new Queue<VisitData>(NAME, {
      ...shared,
      streams: { events: { maxLen: MAX_EVENTS } },
      // Nothing is kept: the database knows what was done, and a failure's text is nobody's in Redis.
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
    });
    const worker = new Worker<VisitData>(NAME, (job) => this.track(this.process(queue, job)), {
      ...shared,
      concurrency: this.options.concurrency,
      runRetryDelay: FETCH_RETRY_MS,
    });
    // Each attempt to connect, and each command, fails with an error of its own.
    queue.on('error', (error) => this.failed(error));
    worker.on('error', (error) => this.failed(error));
    this.#parts = { queue, worker };
    this.#timer = setInterval(() => void this.offer(), this.options.roundMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#abort.abort();
    await Promise.all(this.#jobs);
    const { queue, worker } = this.#parts ?? {};
    const away = !this.#clients.some(({ isReady }) => isReady);
    // A Redis that hangs never answers, and without one that was ever there a worker waits for it first. What is left
    // then is to hang up.
    await Promise.allSettled(
      [worker?.close(away), queue?.close()].map((closed) => withDeadline(Promise.resolve(closed), CLOSE_MS)),
    );
    for (const client of this.#clients) if (client.isOpen) client.destroy();
  }

  /** Every process offers the round; the first one in each interval is taken. */
  private async offer(): Promise<void> {
    // With Redis away the last offer is still waiting, and one is enough.
    if (this.#offering || this.#parts === undefined) return;
    this.#offering = true;
    try {
      const ttl = Math.ceil(this.options.roundMs * 0.9);
      await this.#parts.queue.add('round', {}, { deduplication: { id: 'round', ttl } });
      if (this.#failing) this.logger.log('Redis takes jobs again; connections are watched.');
      this.#failing = false;
    } catch (error) {
      this.failed(error);
    } finally {
      this.#offering = false;
    }
  }

  private async process(queue: Queue<VisitData>, { data: { origin } }: Job<VisitData>): Promise<void> {
    if (this.#abort.signal.aborted) return;
    if (origin !== undefined) {
      await queue.removeDeduplicationKey(waitingId(origin));
      await this.watcher.visit(origin, this.#abort.signal);
      return;
    }
    for (const due of await this.watcher.due()) {
      const deduplication = { id: waitingId(due), ttl: WAITING_MS };
      await queue.add('visit', { origin: due }, { deduplication });
    }
  }

  private track(job: Promise<void>): Promise<void> {
    this.#jobs.add(job);
    return job.finally(() => this.#jobs.delete(job));
  }

  private failed(error: unknown): void {
    if (this.#failing || this.#abort.signal.aborted) return;
    this.#failing = true;
    const why = error instanceof Error ? error.message || error.name : String(error);
    this.logger.warn(`Connections are not watched until Redis takes jobs: ${why}`);
  }

  /** BullMQ makes a second connection from the first one, and keeps it to itself: it would outlive a stop without Redis. */
  private connect(): RedisClient {
    const client = connectTo(this.url, this.#abort.signal);
    const kept = (one: RedisClient): RedisClient => {
      this.#clients.push(one);
      return one;
    };
    const duplicate: () => RedisClient = client.duplicate.bind(client);
    Object.assign(client, { duplicate: () => kept(duplicate()) });
    return kept(client);
  }
}

/** No colon in it: BullMQ has its own use for that. */
function waitingId(origin: string): string {
  return createHash('sha256').update(origin).digest('hex');
}

/** Of its own: a worker waits in Redis for minutes, and its commands wait for Redis, which those of the cache must not. */
function connectTo(url: string, stopped: AbortSignal) {
  return createClient({
    url,
    RESP: 2,
    socket: {
      connectTimeout: 2000,
      // BullMQ connects once more what was hung up before it had ever been connected.
      reconnectStrategy: (retries) =>
        stopped.aborted ? false : Math.min(100 * 2 ** Math.min(retries, 10), RECONNECT_MAX_MS),
    },
  });
}
