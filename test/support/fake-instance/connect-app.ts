import { randomBytes } from 'node:crypto';
import { CACHE_MANAGER, type Cache } from '@nestjs/cache-manager';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from '../../../src/app.setup.js';
import { createLogger } from '../../../src/common/logger.js';
import { loadConfig } from '../../../src/config/load-config.js';
import { createTestDatabase } from '../databases.js';
import { freePort } from '../servers/free-port.js';

export interface Answer<T = Record<string, unknown>> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** The application on a real port, with a database of its own, and whoever is signed in. */
export class ConnectApp {
  constructor(
    readonly app: NestFastifyApplication,
    readonly baseUrl: string,
    readonly log: readonly string[],
    private readonly remove: () => Promise<void>,
  ) {}

  async signUp(): Promise<Caller> {
    const email = `${randomBytes(8).toString('hex')}@example.org`;
    const body = { email, password: 'correct horse battery staple' };
    const answer = await new Caller(this.baseUrl).send('POST', '/v1/auth/register', body);
    return new Caller(this.baseUrl, String(answer.body.accessToken));
  }

  /** As if its entry had expired. */
  async forgetInstance(origin: string): Promise<void> {
    await this.app.get<Cache>(CACHE_MANAGER).del(`instance:${origin}`);
  }

  async close(): Promise<void> {
    await this.app.close();
    await this.remove();
  }
}

/** One user's client, which may hold cookies as a browser does. */
export class Caller {
  readonly cookies = new Map<string, string>();

  constructor(
    readonly baseUrl: string,
    private readonly accessToken?: string,
  ) {}

  /** The same user at another process. */
  at(baseUrl: string): Caller {
    return new Caller(baseUrl, this.accessToken);
  }

  async send<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
    const url = new URL(path, this.baseUrl);
    const ours = url.origin === new URL(this.baseUrl).origin;
    const response = await fetch(url, {
      method,
      redirect: 'manual',
      signal: AbortSignal.timeout(60_000),
      headers: {
        'User-Agent': 'Browser/1',
        ...(ours && this.accessToken !== undefined && { Authorization: `Bearer ${this.accessToken}` }),
        ...(ours &&
          this.cookies.size > 0 && { Cookie: [...this.cookies].map((pair) => pair.join('=')).join('; ') }),
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (ours) {
      for (const cookie of response.headers.getSetCookie()) {
        const [name = '', value = ''] = (cookie.split(';', 1)[0] ?? '').split('=');
        this.cookies.set(name, value);
      }
    }
    const text = await response.text();
    const json = text !== '' && /json/.test(response.headers.get('content-type') ?? '');
    return {
      status: response.status,
      headers: response.headers,
      body: (json ? JSON.parse(text) : { text }) as T,
    };
  }
}

export interface ConnectAppOptions {
  readonly allowlist: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The caller closes it. */
export async function startConnectApp({ allowlist, env = {} }: ConnectAppOptions): Promise<ConnectApp> {
  const database = await createTestDatabase();
  const port = await freePort();
  const config = loadConfig({
    NODE_ENV: 'test',
    PORT: String(port),
    DATABASE_URL: database.url,
    PLATFORM_ENCRYPTION_KEY: `${randomBytes(32).toString('base64url')}=`,
    JWT_SECRET: randomBytes(48).toString('base64url'),
    INSTANCE_HOST_ALLOWLIST: allowlist.join(','),
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    LOG_LEVEL: 'trace',
    RATE_LIMIT_ENABLED: 'false',
    WATCH_ENABLED: 'false',
    ...env,
  });
  const log: string[] = [];
  const app = await createApp(config, createLogger(config, { write: (line) => void log.push(line) }));
  await app.listen(port, '127.0.0.1');
  return new ConnectApp(app, `http://127.0.0.1:${port}`, log, () => database.drop());
}
