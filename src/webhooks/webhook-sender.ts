import { Injectable, Logger } from '@nestjs/common';
import { faultText } from '../common/fault-text.js';
import { OutageLog } from '../common/outage-log.js';
import { SingleRun } from '../common/single-run.js';
import { AppConfig } from '../config/app-config.js';
import { Database } from '../database/database.js';
import { nextWait } from './retry-plan.js';
import { WebhookMails } from './webhook-mails.js';
import { type DeliveryOutcome, WebhookMeter } from './webhook-meter.js';
import { type ClaimedStream, type PauseReason, WebhookQueue } from './webhook-queue.js';
import { type Attempt, WebhookRequest } from './webhook-request.js';
import { WebhookSecrets } from './webhook-secrets.js';

/** Requests of one process at once, and of these to the webhooks of one user and to one webhook: slow ones must not hold all. */
const CONCURRENCY = 16;
const CONCURRENCY_PER_USER = 8;
const CONCURRENCY_PER_WEBHOOK = 4;
const GONE = 410;

/**
 * Sends what is due. Any process may: a claim hides a stream from the others. A process that dies while it sends leaves a
 * delivery that is sent once more, so each arrives at least once.
 */
@Injectable()
export class WebhookSender {
  readonly #outage = new OutageLog(new Logger('Webhooks'), 'Webhooks are sent again.');
  readonly #runs = new SingleRun(() => this.fill());
  readonly #stop = new AbortController();
  /** Requests under way. */
  readonly #sending = new Map<ClaimedStream, Promise<void>>();

  constructor(
    private readonly queue: WebhookQueue,
    private readonly request: WebhookRequest,
    private readonly secrets: WebhookSecrets,
    private readonly mails: WebhookMails,
    private readonly meter: WebhookMeter,
    private readonly database: Database,
    private readonly config: AppConfig,
  ) {}

  /** Something may be due. The feed calls this each second. */
  wake(): void {
    if (!this.#stop.signal.aborted) this.#runs.request();
  }

  /** Ends the requests that are under way. They are sent once more by another process. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('The process is shutting down.'));
    await this.#runs.idle();
    await Promise.all(this.#sending.values());
  }

  private async fill(): Promise<void> {
    try {
      while (!this.#stop.signal.aborted && this.#sending.size < CONCURRENCY) {
        const stream = await this.queue.claim(
          this.full('webhookId', CONCURRENCY_PER_WEBHOOK),
          this.full('userId', CONCURRENCY_PER_USER),
          this.config.instanceTimeoutMs,
        );
        if (stream === null) break;
        this.begin(stream);
      }
      this.#outage.succeeded();
    } catch (error) {
      this.report(error);
    }
  }

  /** Those that have as many requests under way as they may. */
  private full(of: 'webhookId' | 'userId', max: number): number[] {
    const counts = new Map<number, number>();
    for (const { [of]: id } of this.#sending.keys())
      if (id !== null) counts.set(id, (counts.get(id) ?? 0) + 1);
    return [...counts].filter(([, count]) => count >= max).map(([id]) => id);
  }

  private begin(stream: ClaimedStream): void {
    const sending = this.deliver(stream)
      .catch((error: unknown) => this.report(error))
      .finally(() => {
        this.#sending.delete(stream);
        this.wake();
      });
    this.#sending.set(stream, sending);
  }

  private async deliver(stream: ClaimedStream): Promise<void> {
    const { delivery, isPaused, url, overlaps, webhookId } = stream;
    if (delivery === null || isPaused) return this.queue.settle(stream);
    const secrets = this.secrets.open({ ...stream, id: webhookId });
    if (secrets === null) return this.pause(stream, 'secret');
    const signing = overlaps ? secrets : { ...secrets, previous: null };
    let attempt: Attempt;
    try {
      attempt = await this.request.send({ ...delivery, url, secrets: signing }, this.#stop.signal);
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
      return this.queue.release(stream);
    }
    await this.judge(stream, attempt);
  }

  private async judge(stream: ClaimedStream, attempt: Attempt): Promise<void> {
    const { status } = attempt;
    if (status !== null && status >= 200 && status < 300) return this.finish(stream, attempt, 'delivered');
    const { attempts, failingSeconds, isAlive } = stream;
    const wait = nextWait(attempts + 1, failingSeconds, attempt.retryAfterSeconds, Math.random());
    if (status !== GONE && wait === null && isAlive) return this.finish(stream, attempt, 'failed');
    await this.queue.postpone(stream, attempt, wait ?? 0);
    this.meter.record('postponed');
    if (status === GONE) await this.pause(stream, 'gone');
    else if (wait === null) await this.pause(stream, 'failing');
  }

  private async finish(
    stream: ClaimedStream,
    attempt: Attempt,
    outcome: Exclude<DeliveryOutcome, 'postponed'>,
  ): Promise<void> {
    await this.queue.finish(stream, attempt, outcome);
    this.meter.record(outcome);
  }

  private async pause({ webhookId }: ClaimedStream, because: PauseReason): Promise<void> {
    await this.database.transaction(async (manager) => {
      if (await this.queue.pauseIn(manager, webhookId, because))
        await this.mails.pausedIn(manager, webhookId);
    });
  }

  private report(error: unknown): void {
    this.#outage.failed(`Webhooks wait: ${faultText(error)}`);
  }
}
