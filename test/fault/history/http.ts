import { type Socket, connect } from 'node:net';

export interface Request {
  readonly method?: string;
  readonly path: string;
  readonly token: string;
  readonly body?: unknown;
}

/** Status 0: the connection broke before the whole answer had come. */
export interface Answer {
  readonly status: number;
  readonly cacheStatus: string;
  readonly body: string;
}

const TIMEOUT_MS = 60_000;
const BROKEN: Answer = { status: 0, cacheStatus: '', body: '' };
const NOTHING = Buffer.alloc(0);

/**
 * Kept connections to one process, each with one request under way. A run sends hundreds of thousands, and Node's own
 * client would take more of the machine than what answers them.
 */
export class HttpClient {
  readonly #open = new Set<Connection>();
  readonly #idle: Connection[] = [];

  constructor(private readonly port: number) {}

  /** Never rejects. */
  async send({ method = 'GET', path, token, body }: Request): Promise<Answer> {
    const payload = body === undefined ? '' : JSON.stringify(body);
    const content =
      body === undefined
        ? ''
        : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(payload)}\r\n`;
    const connection = this.#idle.pop() ?? this.#connect();
    const answer = await connection.exchange(
      `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${this.port}\r\nAuthorization: Bearer ${token}\r\n${content}\r\n${payload}`,
    );
    if (answer.status !== 0) this.#idle.push(connection);
    return answer;
  }

  close(): void {
    for (const connection of this.#open) connection.close();
  }

  #connect(): Connection {
    const connection = new Connection(this.port, () => {
      this.#open.delete(connection);
      const index = this.#idle.indexOf(connection);
      if (index >= 0) this.#idle.splice(index, 1);
    });
    this.#open.add(connection);
    return connection;
  }
}

class Connection {
  readonly #socket: Socket;
  #unread: Buffer = NOTHING;
  #settle: (answer: Answer) => void = () => {};

  constructor(port: number, onClose: () => void) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true, timeout: TIMEOUT_MS });
    this.#socket.on('timeout', () => this.close());
    // 'close' follows.
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => {
      onClose();
      this.#settle(BROKEN);
    });
    this.#socket.on('data', (bytes: Buffer) => {
      this.#unread = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes]);
      const answer = parse(this.#unread);
      if (answer === null) return;
      this.#unread = NOTHING;
      this.#settle(answer);
    });
  }

  exchange(request: string): Promise<Answer> {
    return new Promise((resolve) => {
      this.#settle = resolve;
      if (this.#socket.destroyed) resolve(BROKEN);
      else this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** @returns null while it is not complete. */
function parse(bytes: Buffer): Answer | null {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const head = bytes.toString('latin1', 0, headEnd);
  const status = Number(head.slice(9, 12));
  const length = status === 204 ? '0' : /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  if (length === undefined) throw new Error(`An answer without a length: ${head}`);
  const end = headEnd + 4 + Number(length);
  if (bytes.length < end) return null;
  return {
    status,
    cacheStatus: /\r\ncache-status: ([^\r]*)/i.exec(head)?.[1] ?? '',
    body: bytes.toString('utf8', headEnd + 4, end),
  };
}
