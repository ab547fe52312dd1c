import { once } from 'node:events';
import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ReceivedRequest {
  readonly method: string;
  /** As it was sent. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

type Script = (request: IncomingMessage, response: ServerResponse) => void;

/** A server on loopback that answers exactly what a test tells it to, down to the socket. */
export class ScriptedInstance {
  readonly received: ReceivedRequest[] = [];
  /** What it does once the request has come in completely. */
  answer: Script = (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"ok":true}');
  };
  /** Instead of `answer`: the body is not read. */
  stream: Script | null = null;

  private constructor(
    private readonly server: http.Server,
    readonly host: string,
  ) {
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (this.stream !== null) this.stream(request, response);
      else void this.serve(request, response);
    });
  }

  /** The caller closes it. */
  static async start(): Promise<ScriptedInstance> {
    const server = http.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return new ScriptedInstance(server, `127.0.0.1:${port}`);
  }

  get origin(): string {
    return `http://${this.host}`;
  }

  get last(): ReceivedRequest {
    const last = this.received.at(-1);
    if (last === undefined) throw new Error('Nothing was asked of the instance.');
    return last;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    try {
      for await (const chunk of request) body += String(chunk);
    } catch {
      return;
    }
    const { method = '', url = '', headers } = request;
    this.received.push({ method, url, headers, body });
    this.answer(request, response);
  }
}
