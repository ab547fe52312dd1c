import { type ManagerOptions, type Socket, type SocketOptions, io } from 'socket.io-client';
import type { EventType } from '../../src/outbox/published-events.js';
import { waitUntil } from './barrier.js';
import type { PlatformJson } from './factories.js';
import type { Exchange } from './http-client.js';

export interface EventJson {
  readonly eventId: number;
  readonly type: EventType;
  readonly platformId: number;
  readonly at: string;
  readonly platform?: PlatformJson;
}

/** What came, other than events: `ready`, `reset`, `closing`, and how the connection fared. */
export interface Sign {
  readonly name: string;
  readonly data: unknown;
}

const TIMEOUT_MS = 60_000;

/** What one client hears, by whatever it is connected. */
export class Heard {
  readonly events: EventJson[] = [];
  readonly signs: Sign[] = [];

  get ids(): number[] {
    return this.events.map(({ eventId }) => eventId);
  }

  /** What to give when connecting again. */
  get lastEventId(): number | undefined {
    const known = [
      ...this.events.map(({ eventId }) => eventId),
      ...this.signs.map(({ data }) => (data as { lastEventId?: number } | null)?.lastEventId ?? -1),
    ];
    return known.length === 0 ? undefined : Math.max(...known);
  }

  async until<T>(predicate: () => T, what: string, timeoutMs = TIMEOUT_MS): Promise<NonNullable<T>> {
    return (await waitUntil(predicate, { timeoutMs, what })) as NonNullable<T>;
  }

  sign(name: string, timeoutMs = TIMEOUT_MS): Promise<Sign> {
    return this.until(() => this.signs.find((sign) => sign.name === name), `the sign ${name}`, timeoutMs);
  }

  event(matches: (event: EventJson) => boolean, what = 'an event'): Promise<EventJson> {
    return this.until(() => this.events.find(matches), what);
  }
}

export interface ListenOptions {
  readonly token: string;
  readonly lastEventId?: number | undefined;
  /** Kept for the search for secrets. */
  readonly exchanges?: Exchange[];
  readonly client?: Partial<ManagerOptions & SocketOptions>;
}

/** A Socket.IO client as a frontend has it, but that it does not come back by itself unless told to. */
export class SocketListener extends Heard {
  readonly socket: Socket;

  constructor(baseUrl: string, { token, lastEventId, exchanges, client }: ListenOptions) {
    super();
    this.socket = io(`${baseUrl}/events`, {
      forceNew: true,
      reconnection: false,
      transports: ['websocket'],
      auth: { token, lastEventId },
      ...client,
    });
    this.socket.onAny((name: string, data: unknown) => {
      exchanges?.push({ method: 'EVENT', path: name, status: 200, headers: {}, text: JSON.stringify(data) });
      if (name === 'platform') this.events.push(data as EventJson);
      else this.signs.push({ name, data });
    });
    this.socket.on('connect_error', (error) => {
      this.signs.push({ name: 'connect_error', data: (error as Error & { data?: unknown }).data ?? error });
    });
    this.socket.on('disconnect', (reason) => this.signs.push({ name: 'disconnect', data: reason }));
  }

  /** Returns when it is live. */
  static async connect(baseUrl: string, options: ListenOptions): Promise<SocketListener> {
    const listener = new SocketListener(baseUrl, options);
    await listener.sign('ready');
    return listener;
  }

  /** One that comes back by itself as soon as it can, and goes on from what it has heard. */
  static async returning(baseUrl: string, { token, client }: ListenOptions): Promise<SocketListener> {
    const listener: SocketListener = new SocketListener(baseUrl, {
      token,
      client: {
        reconnection: true,
        auth: (send) => send({ token, lastEventId: listener.lastEventId }),
        ...client,
      },
    });
    await listener.sign('ready');
    return listener;
  }

  close(): void {
    this.socket.disconnect();
  }
}

/** A client of GET /v1/events. */
export class StreamListener extends Heard {
  readonly #abort = new AbortController();
  readonly ended: Promise<void>;

  private constructor(
    readonly answer: Response,
    abort: AbortController,
    exchanges: Exchange[] | undefined,
  ) {
    super();
    this.#abort = abort;
    this.ended = this.#read(exchanges);
  }

  /** Returns when it is live. */
  static async connect(baseUrl: string, options: ListenOptions): Promise<StreamListener> {
    const listener = await StreamListener.open(baseUrl, options);
    const names = () => listener.signs.map(({ name }) => name);
    await listener.until(() => names().includes('ready') || names().includes('disconnect'), 'the stream');
    if (!names().includes('ready')) throw new Error(`The stream ended before it was live: ${names().join()}`);
    return listener;
  }

  /** Returns when it is let in. */
  static async open(baseUrl: string, options: ListenOptions): Promise<StreamListener> {
    const abort = new AbortController();
    const { token, lastEventId } = options;
    const answer = await fetch(`${baseUrl}/v1/events`, {
      signal: abort.signal,
      headers: {
        Authorization: `Bearer ${token}`,
        ...(lastEventId === undefined ? {} : { 'Last-Event-ID': String(lastEventId) }),
      },
    });
    if (answer.status !== 200) throw new Error(`/v1/events answered ${answer.status}`);
    return new StreamListener(answer, abort, options.exchanges);
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.ended;
  }

  async #read(exchanges: Exchange[] | undefined): Promise<void> {
    let rest = '';
    try {
      for await (const chunk of this.answer.body ?? []) {
        const blocks = (rest + Buffer.from(chunk as Uint8Array).toString()).split('\n\n');
        rest = blocks.pop() ?? '';
        for (const block of blocks) this.#take(block, exchanges);
      }
    } catch {
      // The connection was cut, by us or by the server: `disconnect` tells of it.
    }
    this.signs.push({ name: 'disconnect', data: null });
  }

  #take(block: string, exchanges: Exchange[] | undefined): void {
    const fields = new Map(
      block.split('\n').map((line) => [line.split(': ', 1)[0], line.slice(line.indexOf(': ') + 2)]),
    );
    const data = fields.get('data');
    if (data === undefined) return;
    exchanges?.push({
      method: 'EVENT',
      path: fields.get('event') ?? '',
      status: 200,
      headers: {},
      text: data,
    });
    const parsed = JSON.parse(data) as EventJson;
    if (fields.get('event') !== 'platform') {
      this.signs.push({ name: fields.get('event') ?? '', data: parsed });
      return;
    }
    if (fields.get('id') !== String(parsed.eventId)) throw new Error(`The id of ${block} is another`);
    this.events.push(parsed);
  }
}
