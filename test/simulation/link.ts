import type { Host, World } from './world.js';

export interface Condition {
  /** Nothing arrives, and nobody is told. */
  cut: boolean;
  /** Milliseconds added to each way. */
  slowMs: number;
}

/** How one process reaches one server. It outlives the connections that are made over it. */
export class Network implements Condition {
  cut = false;
  slowMs = 0;
  readonly connections = new Set<Connection>();
  readonly name: string;
  readonly #held: (() => void)[] = [];

  constructor(
    readonly world: World,
    readonly client: Host,
    readonly server: Host,
  ) {
    this.name = `${client.name} to ${server.name}`;
  }

  /** How many replies are awaited. */
  get awaited(): number {
    let awaited = 0;
    for (const connection of this.connections) awaited += connection.awaited;
    return awaited;
  }

  delayMs(): number {
    const { world, name } = this;
    const usual = world.random(name) < 0.05 ? world.random(name) * 20 : 0.1 + world.random(name);
    return usual + this.slowMs * (0.5 + world.random(name));
  }

  /** What is sent over a cut network waits for it, as TCP does. */
  carry(arrive: () => void): void {
    if (this.cut) this.#held.push(arrive);
    else arrive();
  }

  mend(): void {
    this.cut = false;
    this.slowMs = 0;
    for (const arrive of this.#held.splice(0)) arrive();
  }

  /** Both sides lose all connections: the server at once. */
  reset(why: string): void {
    for (const connection of [...this.connections]) connection.lose(why);
  }
}

interface Pending {
  readonly reject: (error: Error) => void;
}

/** A connection whose commands arrive in the order in which they were sent, as their replies do. */
export class Connection {
  #lastArrival = 0;
  #lastReply = 0;
  #closed = false;
  /** By the server, or the network: then nothing more of it arrives. */
  #isLost = false;
  readonly #pending = new Set<Pending>();

  constructor(
    private readonly network: Network,
    /** At the client. */
    private readonly onLost: (why: string) => void,
    /** At the server: also when the client ends it. */
    private readonly onEnd: () => void = () => {},
  ) {
    network.connections.add(this);
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** How many replies are awaited. */
  get awaited(): number {
    return this.#pending.size;
  }

  /** @param execute runs at the server, when the command arrives. What it throws is the server's answer. */
  send<T>(execute: () => T | Promise<T>): Promise<T> {
    const { network } = this;
    const { world } = network;
    if (this.#closed) return Promise.reject(new Error('The connection is closed'));
    return new Promise<T>((resolve, reject) => {
      const pending = { reject };
      this.#pending.add(pending);
      const reply = (settle: () => void): void =>
        network.carry(() => {
          this.#lastReply = Math.max(this.#lastReply, world.now + network.delayMs());
          const arrive = (): void => {
            if (this.#pending.delete(pending)) settle();
          };
          world.after(this.#lastReply - world.now, arrive, network.client);
        });
      const arrive = async (): Promise<void> => {
        // Of what a client had sent before it gave up, a part still arrives.
        if (this.#isLost || (this.#closed && world.random(network.name) < 0.5)) return;
        try {
          const value = await execute();
          reply(() => resolve(value));
        } catch (error) {
          reply(() => reject(error as Error));
        }
      };
      network.carry(() => {
        this.#lastArrival = Math.max(this.#lastArrival, world.now + network.delayMs());
        world.after(this.#lastArrival - world.now, () => void arrive(), network.server);
      });
    });
  }

  /** The other side, or the network, ends it. */
  lose(why: string): void {
    if (this.#closed) return;
    const { client, world } = this.network;
    this.#isLost = true;
    this.#leave();
    world.after(
      world.random(this.network.name),
      () => {
        this.#rejectAll(why);
        this.onLost(why);
      },
      client,
    );
  }

  /** This side ends it. */
  close(): void {
    this.#leave();
    this.#rejectAll('The connection was closed');
  }

  #leave(): void {
    this.#closed = true;
    this.network.connections.delete(this);
    this.onEnd();
  }

  #rejectAll(why: string): void {
    const pending = [...this.#pending];
    this.#pending.clear();
    for (const { reject } of pending) reject(new Error(why));
  }
}
