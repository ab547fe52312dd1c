import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { waitUntil } from '../barrier.js';
import { DelayedFlow, type LinkState } from './delayed-flow.js';
import { isPortTaken, withFreePort } from './free-port.js';

interface Connection {
  readonly client: Socket;
  readonly upstream: Socket;
  readonly flows: readonly DelayedFlow[];
}

/** A network link to a server on 127.0.0.1 whose faults the test chooses. */
export class TcpProxy {
  private readonly open = new Set<Connection>();
  private readonly requests: LinkState = { latencyMs: 0, hung: false };
  private readonly replies: LinkState = { latencyMs: 0, hung: false };
  private server: Server | undefined;

  constructor(
    readonly port: number,
    private targetPort: number,
  ) {}

  /** How many clients are connected now. */
  get connections(): number {
    return this.open.size;
  }

  /** Delays what is sent from now on, in each direction; the order stays. */
  setLatencyMs(latencyMs: number): void {
    for (const link of [this.requests, this.replies]) link.latencyMs = latencyMs;
  }

  /** As a network that drops every packet: connections are accepted and kept, no byte or end of stream passes. */
  hang(): void {
    for (const link of [this.requests, this.replies]) link.hung = true;
  }

  /** As `hang`, but what clients send still arrives. */
  hangReplies(): void {
    this.replies.hung = true;
  }

  /** Lets traffic pass again. What was sent meanwhile arrives now, late and in order, as TCP would do it. */
  resume(): void {
    for (const link of [this.requests, this.replies]) link.hung = false;
    for (const { flows } of this.open) for (const flow of flows) flow.pump();
  }

  /** Breaks all connections with RST, on both sides. New ones are accepted. */
  reset(): void {
    for (const connection of this.open) this.drop(connection);
  }

  /** Breaks all connections and refuses new ones (ECONNREFUSED) until `restore`. */
  async cut(): Promise<void> {
    const server = this.server;
    this.server = undefined;
    this.reset();
    if (!server) return;
    server.close();
    await once(server, 'close');
  }

  /** New connections lead to this port. */
  leadTo(targetPort: number): void {
    this.targetPort = targetPort;
  }

  async restore(): Promise<void> {
    if (this.server) return;
    const listening = async (): Promise<boolean> => {
      try {
        await this.listen();
        return true;
      } catch (error) {
        if (isPortTaken(error)) return false;
        throw error;
      }
    };
    await waitUntil(listening, {
      timeoutMs: 15_000,
      what: `port ${this.port} to be free again`,
      intervalMs: 50,
    });
  }

  async close(): Promise<void> {
    await this.cut();
  }

  async listen(): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.accept(client));
    server.unref();
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.server = server;
  }

  private accept(client: Socket): void {
    const target = { port: this.targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true };
    const upstream = createConnection(target);
    const flows = [
      new DelayedFlow(client, upstream, this.requests),
      new DelayedFlow(upstream, client, this.replies),
    ];
    const connection = { client, upstream, flows };
    this.open.add(connection);
    for (const socket of [client, upstream]) {
      socket.unref();
      socket.on('error', () => this.drop(connection));
      socket.on('close', () => {
        if (client.destroyed && upstream.destroyed) this.open.delete(connection);
      });
    }
    // Accepted by the kernel before `cut`, handed to us after it.
    if (!this.server) this.drop(connection);
  }

  private drop(connection: Connection): void {
    this.open.delete(connection);
    for (const flow of connection.flows) flow.stop();
    connection.client.resetAndDestroy();
    connection.upstream.resetAndDestroy();
  }
}

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  return withFreePort(async (port) => {
    const proxy = new TcpProxy(port, targetPort);
    await proxy.listen();
    return proxy;
  });
}
