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
    const answer = await fetch(`${this.baseUrl}${path}`, {
      method,
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: {
        ...(this.accessToken === undefined ? {} : { Authorization: `Bearer ${this.accessToken}` }),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(raw === undefined ? {} : { body: raw as NonNullable<RequestInit['body']> }),
    });
    const text = await textOf(answer);
    const exchange: Exchange = {
      method,
      path: path.split('?', 1)[0] ?? path,
      status: answer.status,
      headers: Object.fromEntries(answer.headers),
      text,
    };
    this.exchanges.push(exchange);
    this.secrets.add(...secretsMadeFor(exchange));
    return new TestResponse(answer.status, answer.headers, text, performance.now() - started);
  }
}

/** Of a stream that never ends, what comes first. */
async function textOf(answer: Response): Promise<string> {
  if (!answer.headers.get('content-type')?.startsWith('text/event-stream')) return answer.text();
  const reader = answer.body?.getReader();
  const first = await reader?.read();
  await reader?.cancel();
  return Buffer.from((first?.value as Uint8Array | undefined) ?? []).toString();
}
