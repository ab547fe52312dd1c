import { type ListenOptions, SocketListener, StreamListener } from './event-listener.js';
import type { Exchange } from './http-client.js';

/** The listeners of a test at one application, which closes them all. */
export class Listeners {
  readonly #open = new Set<{ close(): unknown }>();

  constructor(
    private readonly baseUrl: string,
    /** Of all that is heard by `socket` and `stream`. */
    private readonly exchanges: Exchange[],
  ) {}

  /** By Socket.IO, live. */
  readonly socket = async (token: string, lastEventId?: number): Promise<SocketListener> => {
    const { exchanges } = this;
    return this.add(await SocketListener.connect(this.baseUrl, { token, lastEventId, exchanges }));
  };

  /** By server-sent events, live. */
  readonly stream = async (token: string, lastEventId?: number): Promise<StreamListener> => {
    const { exchanges } = this;
    return this.add(await StreamListener.connect(this.baseUrl, { token, lastEventId, exchanges }));
  };

  /** By Socket.IO, from the first moment. */
  open(options: ListenOptions): SocketListener {
    return this.add(new SocketListener(this.baseUrl, { exchanges: this.exchanges, ...options }));
  }

  /** Why a Socket.IO client is refused. */
  async refusal(auth: unknown, client = {}): Promise<unknown> {
    const listener = new SocketListener(this.baseUrl, {
      token: '',
      client: { auth: auth as object, ...client },
    });
    return (await this.add(listener).sign('connect_error')).data;
  }

  add<T extends { close(): unknown }>(listener: T): T {
    this.#open.add(listener);
    return listener;
  }

  async close(listener: { close(): unknown }): Promise<void> {
    this.#open.delete(listener);
    await listener.close();
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#open].map((listener) => this.close(listener)));
  }
}
