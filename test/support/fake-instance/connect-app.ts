import { randomBytes } from 'node:crypto';
import { CACHE_MANAGER, type Cache } from '@nestjs/cache-manager';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type TestApp, type TestAppOptions, startTestApp } from '../app.js';
import type { Backends } from '../backends.js';
import type { HttpClient } from '../http-client.js';
import { freePort } from '../servers/free-port.js';

export interface Answer<T = Record<string, unknown>> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** The application as instances and browsers meet it: its PUBLIC_URL is where it listens. */
export class ConnectApp {
  constructor(private readonly started: TestApp) {}

  get app(): NestFastifyApplication {
    return this.started.app;
  }

  get baseUrl(): string {
    return this.started.baseUrl;
  }

  get backends(): Backends {
    return this.started.backends;
  }

  get log(): readonly string[] {
    return this.started.logLines;
  }

  /** A browser without cookies that nobody is signed in with. */
  stranger(): Caller {
    return new Caller(this.started.client);
  }

  async signUp(): Promise<Caller> {
    const email = `${randomBytes(8).toString('hex')}@example.org`;
    const body = { email, password: 'correct horse battery staple' };
    const answer = await this.stranger().send('POST', '/v1/auth/register', body);
    return new Caller(this.started.client.as({ accessToken: String(answer.body.accessToken) }));
  }

  /** As if its entry had expired. */
  async forgetInstance(origin: string): Promise<void> {
    await this.app.get<Cache>(CACHE_MANAGER).del(`instance:${origin}`);
  }

  expectCleanRecord(): Promise<void> {
    return this.started.expectCleanRecord();
  }

  /** Where the backends are its own, checks the record first. */
  close(): Promise<void> {
    return this.started.close();
  }
}

/** One user's client, which may hold cookies as a browser does. */
export class Caller {
  readonly cookies = new Map<string, string>();

  constructor(private readonly client: HttpClient) {}

  get baseUrl(): string {
    return this.client.baseUrl;
  }

  /** The same user at another process. */
  at(baseUrl: string): Caller {
    return new Caller(this.client.at(baseUrl));
  }

  /** The user's browser: it has the cookies, and no bearer token. */
  browser(): Caller {
    const browser = new Caller(this.client.withoutToken());
    for (const [name, value] of this.cookies) browser.cookies.set(name, value);
    return browser;
  }

  /** @param path or a URL: the browser goes to other servers too, without its cookies and its token. */
  async send<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer<T>> {
    const url = new URL(path, this.baseUrl);
    return url.origin === new URL(this.baseUrl).origin
      ? this.#sendToApp<T>(method, `${url.pathname}${url.search}`, body, headers)
      : sendElsewhere<T>(method, url, body);
  }

  async #sendToApp<T>(
    method: string,
    path: string,
    body: unknown,
    more: Readonly<Record<string, string>>,
  ): Promise<Answer<T>> {
    const cookie = [...this.cookies].map((pair) => pair.join('=')).join('; ');
    const { status, headers, text } = await this.client.request(method, path, {
      body,
      headers: { ...BROWSER, ...(cookie !== '' && { Cookie: cookie }), ...more },
    });
    for (const set of headers.getSetCookie()) {
      const [name = '', value = ''] = (set.split(';', 1)[0] ?? '').split('=');
      this.cookies.set(name, value);
    }
    return answerOf(status, headers, text);
  }
}

const BROWSER = { 'User-Agent': 'Browser/1' } as const;
const TIMEOUT_MS = 60_000;

async function sendElsewhere<T>(method: string, url: URL, body: unknown): Promise<Answer<T>> {
  const response = await fetch(url, {
    method,
    redirect: 'manual',
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: { ...BROWSER, ...(body !== undefined && { 'Content-Type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return answerOf(response.status, response.headers, await response.text());
}

function answerOf<T>(status: number, headers: Headers, text: string): Answer<T> {
  const isJson = text !== '' && /json/.test(headers.get('content-type') ?? '');
  return { status, headers, body: (isJson ? JSON.parse(text) : { text }) as T };
}

export interface ConnectAppOptions extends Omit<TestAppOptions, 'port'> {
  readonly allowlist: readonly string[];
}

/** The caller closes it. */
export async function startConnectApp({
  allowlist,
  env = {},
  backends,
}: ConnectAppOptions): Promise<ConnectApp> {
  const port = await freePort();
  const started = await startTestApp({
    ...(backends !== undefined && { backends }),
    port,
    env: {
      PORT: String(port),
      INSTANCE_HOST_ALLOWLIST: allowlist.join(','),
      PUBLIC_URL: `http://127.0.0.1:${port}`,
      ...env,
    },
  });
  return new ConnectApp(started);
}
