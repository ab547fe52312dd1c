import { expect } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { Backends } from '../backends.js';
import { expectCleanRecord } from '../clean-record.js';
import {
  type Person,
  type PlatformInput,
  type PlatformJson,
  createPlatform,
  register,
  signAccessToken,
  unique,
} from '../factories.js';
import { type FakeInstance, startFakeInstance } from '../fake-instance/fake-instance.js';
import { HttpClient } from '../http-client.js';
import { type ApiProcess, startApi } from '../servers/api-process.js';
import { freePort } from '../servers/free-port.js';
import { type RedisServer, startRedis } from '../servers/redis.js';
import { type View, Visitor, launchBrowser } from './browser.js';

/** For beforeAll: where there is no Chromium yet, it is installed first. */
export const SITE_START_TIMEOUT_MS = 300_000;

/** The API as it is shipped, with the console in it, an instance to connect to, and a browser. */
export class ConsoleSite {
  readonly visitors: Visitor[] = [];
  /** That the instance accepts. */
  readonly goodToken: string;
  private readonly client: HttpClient;

  private constructor(
    readonly backends: Backends,
    /** Its own, to be killed. */
    readonly redis: RedisServer,
    readonly instance: FakeInstance,
    readonly api: ApiProcess,
    readonly browser: Browser,
    private readonly host: string,
  ) {
    this.client = new HttpClient(api.baseUrl, backends.exchanges, backends.secrets);
    this.goodToken = instance.addToken(backends.secrets.make('good-token'));
  }

  /** @param host by which the browser knows this machine. Passkeys need a name. */
  static async start(env: Readonly<Record<string, string>> = {}, host = '127.0.0.1'): Promise<ConsoleSite> {
    const [redis, instance, port, browser] = await Promise.all([
      startRedis(),
      startFakeInstance('mastodon'),
      freePort(),
      launchBrowser(),
    ]);
    const backends = await Backends.create({ redisUrl: redis.url() });
    const api = await startApi({
      env: {
        ...backends.env(),
        PORT: String(port),
        PUBLIC_URL: `http://${host}:${port}`,
        INSTANCE_HOST_ALLOWLIST: instance.host,
        ...env,
      },
    });
    backends.logs.push(() => api.output);
    return new ConsoleSite(backends, redis, instance, api, browser, host);
  }

  get url(): string {
    return `http://${this.host}:${this.api.port}/console/`;
  }

  /** Somebody with an account, as a program that uses the API beside the browser. */
  async person({ admin = false } = {}): Promise<Person> {
    const { backends } = this;
    const person = await register(this.client, backends.secrets);
    if (!admin) return person;
    await backends.rows(`UPDATE users SET role = 'admin' WHERE id = $1`, [person.id]);
    // The session from before the change of role is refused.
    const accessToken = await signAccessToken(backends, person.id);
    return { ...person, accessToken, client: this.client.as({ accessToken }) };
  }

  /** A connection to the instance, with a token that it accepts unless told otherwise. */
  connected(person: Person, own: Partial<PlatformInput> = {}): Promise<PlatformJson> {
    return createPlatform(person, this.backends.secrets, {
      name: `At home ${unique()}`,
      instanceUrl: this.instance.origin,
      username: `someone-${unique()}`,
      accessToken: this.goodToken,
      ...own,
    });
  }

  async visit(view?: View): Promise<Visitor> {
    const visitor = await Visitor.open(this.browser, view);
    this.visitors.push(visitor);
    await visitor.page.goto(this.url);
    return visitor;
  }

  /** Without the log-in page, which few tests are about. */
  async logIn(person: Person, view?: View): Promise<Visitor> {
    const visitor = await Visitor.open(this.browser, view);
    this.visitors.push(visitor);
    await visitor.signIn(this.url, person);
    return visitor;
  }

  /** At the end of each test: no page complained, kept anything, or shows a secret. Closes them. */
  async expectCleanVisits(): Promise<void> {
    for (const visitor of this.visitors.splice(0)) {
      await this.expectClean(visitor);
      await visitor.close();
    }
  }

  async expectClean(visitor: Visitor): Promise<void> {
    expect(visitor.complaints).toEqual([]);
    // The cookies of a session and of POST /v1/connect, which no script can read.
    expect((await visitor.stored()).filter((name) => !/^(__Host-pm_session|pm_connect)_/.test(name))).toEqual(
      [],
    );
    for (const { httpOnly } of await visitor.context.cookies()) expect(httpOnly).toBe(true);
    expect(this.backends.secrets.foundIn(await visitor.page.content())).toEqual([]);
  }

  async close(): Promise<void> {
    await this.browser.close();
    try {
      await expectCleanRecord({ backends: this.backends, client: this.client });
    } finally {
      await this.api.stop();
      await this.instance.close();
      await this.backends.remove();
      await this.redis.remove();
    }
  }
}
