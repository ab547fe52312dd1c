import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { secretsMadeFor } from './secret-answers.js';
import type { Secrets } from './secrets.js';

/** What went over the wire, for the checks that look at everything a test file has done. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface RequestOptions {
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, with no content type unless `headers` has one. */
  readonly raw?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

const TIMEOUT_MS = 60_000;
const agent = new Agent({ keepAlive: true });

export class TestResponse {
  constructor(
    readonly status: number,
    readonly headers: Headers,
    readonly text: string,
    readonly durationMs: number,
  ) {}

  json<T = Record<string, unknown>>(): T {
    return JSON.parse(this.text) as T;
  }

  header(name: string): string | null {
    return this.headers.get(name);
  }

  get cacheStatus(): string | null {
    return this.header('cache-status');
  }
}

/** Real HTTP to one app; records every exchange and remembers the secrets that it was given. */
export class HttpClient {
  constructor(
    readonly baseUrl: string,
    private readonly exchanges: Exchange[],
    private readonly secrets: Secrets,
    private readonly accessToken?: string,
  ) {}

  as(session: { readonly accessToken: string }): HttpClient {
    return new HttpClient(this.baseUrl, this.exchanges, this.secrets, session.accessToken);
  }

  /** The same user at another process. */
  at(baseUrl: string): HttpClient {
    return new HttpClient(baseUrl, this.exchanges, this.secrets, this.accessToken);
  }

  withoutToken(): HttpClient {
    return new HttpClient(this.baseUrl, this.exchanges, this.secrets);
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<TestResponse> {
    return this.request('GET', path, { headers });
  }

  post(path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<TestResponse> {
    return this.request('POST', path, { body, headers });
  }

  patch(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<TestResponse> {
    return this.request('PATCH', path, { body, headers });
  }

  put(path: string): Promise<TestResponse> {
    return this.request('PUT', path);
  }

  delete(path: string): Promise<TestResponse> {
    return this.request('DELETE', path);
  }

  async request(
    method: string,
    path: string,
    { body, raw, headers = {} }: RequestOptions = {},
  ): Promise<TestResponse> {
    const started = performance.now();
    const content = body === undefined ? raw : JSON.stringify(body);
    // Not fetch, which was a tenth of what a test file took of the processor.
    const outgoing = request(`${this.baseUrl}${path}`, {
      method,
      agent,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: {
        'User-Agent': 'node', // what the list of sessions calls it
        ...(this.accessToken === undefined ? {} : { Authorization: `Bearer ${this.accessToken}` }),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(content === undefined ? {} : { 'Content-Length': Buffer.byteLength(content) }),
        ...headers,
      },
    });
    // Of what fails before the answer, `once` tells; of what fails in it, its body. After it there may be a body that nobody wanted.
    outgoing.on('error', () => undefined);
    outgoing.end(content);
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    const received = headersOf(answer);
    const text = await textOf(answer);
    const exchange: Exchange = {
      method,
      path: path.split('?', 1)[0] ?? path,
      status: answer.statusCode ?? 0,
      headers: Object.fromEntries(received),
      text,
    };
    this.exchanges.push(exchange);
    this.secrets.add(...secretsMadeFor(exchange));
    return new TestResponse(exchange.status, received, text, performance.now() - started);
  }
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let at = 0; at < rawHeaders.length; at += 2)
    headers.append(rawHeaders[at] ?? '', rawHeaders[at + 1] ?? '');
  return headers;
}

/** Of a stream that never ends, what comes first. */
async function textOf(answer: IncomingMessage): Promise<string> {
  const isStream = answer.headers['content-type']?.startsWith('text/event-stream') === true;
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    if (isStream) break;
  }
  return Buffer.concat(chunks).toString();
}
