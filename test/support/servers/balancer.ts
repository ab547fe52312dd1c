import { once } from 'node:events';
import {
  Agent,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  createServer,
  request,
} from 'node:http';
import { type Socket, connect } from 'node:net';
import { withFreePort } from './free-port.js';

interface Target {
  readonly port: number;
  readonly agent: Agent;
}

/**
 * A load balancer that does as deploy/nginx.conf says, by which it can be tried without nginx: round robin; reads over
 * connections that are kept, and to the next process when one breaks; everything else over a connection of its own, and
 * to the next process only when none could be made, for then nothing was sent.
 */
export class Balancer {
  readonly #server: Server;
  readonly #targets: readonly Target[];
  readonly #upgraded = new Set<Socket>();
  #turn = 0;

  private constructor(
    readonly port: number,
    ports: readonly number[],
  ) {
    this.#targets = ports.map((target) => ({ port: target, agent: new Agent({ keepAlive: true }) }));
    this.#server = createServer((incoming, outgoing) => void this.#forward(incoming, outgoing));
    // nginx's. Node's 5 s would end connections in the moment in which a steady load uses them again.
    this.#server.keepAliveTimeout = 75_000;
    this.#server.on('upgrade', (incoming: IncomingMessage, client: Socket, head: Buffer) => {
      void this.#upgrade(incoming, client, head);
    });
  }

  static start(ports: readonly number[]): Promise<Balancer> {
    return withFreePort(async (port) => {
      const balancer = new Balancer(port, ports);
      balancer.#server.listen(port, '127.0.0.1');
      await once(balancer.#server, 'listening');
      return balancer;
    });
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    for (const socket of this.#upgraded) socket.destroy();
    for (const { agent } of this.#targets) agent.destroy();
    await once(this.#server, 'close');
  }

  /** Every process once, beginning with the one whose turn it is. */
  #order(): Target[] {
    const start = this.#turn++ % this.#targets.length;
    return [...this.#targets.slice(start), ...this.#targets.slice(0, start)];
  }

  async #forward(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const isRead = incoming.method === 'GET' || incoming.method === 'HEAD';
    for (const target of this.#order()) {
      const answer = await ask(target, incoming, Buffer.concat(chunks), isRead);
      if (answer === 'refused' || (answer === 'broken' && isRead)) continue;
      if (answer === 'broken') break;
      // An event stream is left by its reader.
      outgoing.on('close', () => answer.destroy());
      outgoing.writeHead(answer.statusCode ?? 0, withoutConnection(answer.headers));
      answer.on('error', () => outgoing.destroy());
      answer.pipe(outgoing);
      return;
    }
    outgoing.writeHead(502).end();
  }

  async #upgrade({ url, rawHeaders }: IncomingMessage, client: Socket, head: Buffer): Promise<void> {
    client.on('error', () => client.destroy());
    for (const { port } of this.#order()) {
      const upstream = connect({ port, host: '127.0.0.1', noDelay: true });
      const connected = await Promise.race([
        once(upstream, 'connect').then(() => true),
        once(upstream, 'close').then(() => false),
      ]).catch(() => false);
      if (!connected) continue;
      for (const [socket, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.#upgraded.add(socket);
        socket.on('error', () => socket.destroy());
        socket.on('close', () => {
          this.#upgraded.delete(socket);
          other.destroy();
        });
      }
      const headers = rawHeaders.flatMap((name, index) =>
        index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1]}`] : [],
      );
      upstream.write([`GET ${url} HTTP/1.1`, ...headers, '', ''].join('\r\n'));
      upstream.write(head);
      client.pipe(upstream).pipe(client);
      return;
    }
    client.destroy();
  }
}

/** Its answer, or how it came that there is none. */
function ask(
  { port, agent }: Target,
  { method, url, headers }: IncomingMessage,
  body: Buffer,
  kept: boolean,
): Promise<IncomingMessage | 'refused' | 'broken'> {
  return new Promise((resolve) => {
    const outgoing = request({
      host: '127.0.0.1',
      port,
      method,
      path: url,
      headers: { ...withoutConnection(headers), ...(kept ? {} : { connection: 'close' }) },
      agent: kept ? agent : false,
    });
    outgoing.on('response', resolve);
    outgoing.on('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(code === 'ECONNREFUSED' ? 'refused' : 'broken'),
    );
    outgoing.end(body);
  });
}

/** Of one hop only. */
function withoutConnection({ connection: _connection, ...headers }: IncomingMessage['headers']) {
  return headers;
}
