import { type Agent, request } from 'node:http';

export interface Outgoing {
  readonly baseUrl: string;
  readonly agent: Agent;
  readonly method: string;
  readonly path: string;
  readonly token?: string | undefined;
  readonly body?: unknown;
}

/** What came back; status 0 is a connection that broke. Times by performance.now(), in milliseconds. */
export interface Reply {
  readonly status: number;
  readonly cacheStatus: string;
  readonly retryAfter: string | undefined;
  readonly text: string;
  readonly sentAt: number;
  readonly durationMs: number;
}

const TIMEOUT_MS = 30_000;

/** Cheaper than fetch: the load generator shares two cores with what it loads. Never rejects. */
export function send({ baseUrl, agent, method, path, token, body }: Outgoing): Promise<Reply> {
  const sentAt = performance.now();
  const payload = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve) => {
    const settle = (status: number, text: string, headers: Record<string, unknown> = {}): void =>
      resolve({
        status,
        text,
        cacheStatus: headers['cache-status'] === undefined ? '' : String(headers['cache-status']),
        retryAfter: headers['retry-after'] === undefined ? undefined : String(headers['retry-after']),
        sentAt,
        durationMs: performance.now() - sentAt,
      });
    const outgoing = request(`${baseUrl}${path}`, {
      method,
      agent,
      timeout: TIMEOUT_MS,
      headers: {
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
        ...(payload !== undefined && {
          'Content-Type': 'application/json',
          'Content-Length': Buffer.byteLength(payload),
        }),
      },
    });
    outgoing.on('response', (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () =>
        settle(incoming.statusCode ?? 0, Buffer.concat(chunks).toString(), incoming.headers),
      );
      incoming.on('error', (error) => settle(0, error.message));
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('No answer in time')));
    outgoing.on('error', (error) => settle(0, error.message));
    outgoing.end(payload);
  });
}

export const isHit = ({ cacheStatus }: Reply): boolean => cacheStatus === 'platform-manager; hit';

const TICK_MS = 10;
/** A bound on what piles up when nothing answers. */
const MAX_IN_FLIGHT = 4000;
/** Ends by itself when a test has failed before it could stop it. */
const MAX_DURATION_MS = 400_000;

/** Requests at a steady rate whether or not they are answered, as people send them. */
export class SteadyLoad {
  readonly replies: Reply[] = [];
  private readonly startedAt = performance.now();
  private readonly inFlight = new Set<Promise<void>>();
  private sent = 0;
  private skipped = 0;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly perSecond: number,
    private readonly next: (n: number) => Promise<Reply>,
    /** False for runs so long that the replies themselves would fill the memory. */
    private readonly onReply: (reply: Reply) => void = (reply) => this.replies.push(reply),
  ) {
    this.timer = setInterval(() => this.tick(), TICK_MS);
    this.timer.unref();
  }

  /** Ends it, and returns when everything sent was answered. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.inFlight);
    if (this.skipped > 0) throw new Error(`${this.skipped} requests were not sent: ${MAX_IN_FLIGHT} waited`);
  }

  private tick(): void {
    if (performance.now() - this.startedAt > MAX_DURATION_MS) clearInterval(this.timer);
    const due = Math.floor(((performance.now() - this.startedAt) / 1000) * this.perSecond);
    for (; this.sent < due; this.sent++) {
      if (this.inFlight.size >= MAX_IN_FLIGHT) {
        this.skipped++;
        continue;
      }
      const answered = this.next(this.sent).then((reply) => {
        this.onReply(reply);
        this.inFlight.delete(answered);
      });
      this.inFlight.add(answered);
    }
  }
}

/** The value that `share` (0 to 1) of the numbers do not exceed; 0 of none. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

export const durations = (replies: readonly Reply[]): number[] => replies.map(({ durationMs }) => durationMs);

/** By turns. */
export function pick<T>(from: readonly T[], n: number): T {
  const one = from[n % from.length];
  if (one === undefined) throw new Error('Nothing to pick from');
  return one;
}

/** How often each outcome occurs, for the message of a failed assertion and for checks that want none of something. */
export function tally(values: readonly (string | number)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

/** A measured figure, shown with FAULT_FIGURES=1: what an assertion leaves room for, and how much of it was used. */
export function note(text: string): void {
  if (process.env.FAULT_FIGURES) process.stderr.write(`      ${text}\n`);
}
