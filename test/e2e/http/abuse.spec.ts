import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../../src/config/load-config.js';
import { type TestApp, startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { ended, waitUntil } from '../../support/barrier.js';
import { type Person, createPlatform, register, signAccessToken, unique } from '../../support/factories.js';
import type { HttpClient } from '../../support/http-client.js';
import { itOnOneServer } from '../../support/one-server.js';
import { expectProblem } from '../../support/problems.js';
import { reveal } from '../../support/reveal.js';
import { startTcpProxy } from '../../support/servers/tcp-proxy.js';

const LIMITS = {
  RATE_LIMIT_ENABLED: 'true',
  RATE_LIMIT_ADDRESS_PER_MINUTE: '100',
  RATE_LIMIT_USER_PER_MINUTE: '40',
  RATE_LIMIT_STRICT_PER_MINUTE: '4',
  RATE_LIMIT_REVEAL_PER_MINUTE: '6',
  RATE_LIMIT_AVATAR_PER_MINUTE: '5',
  TRUST_PROXY: 'true',
};

let lastAddress = 0;
/** Where nobody in these tests has called from before. */
const anAddress = () => ({ 'X-Forwarded-For': `198.51.100.${++lastAddress}` });

describe('abuse', () => {
  let backends: Backends;
  let free: TestApp;
  let app: TestApp;
  let other: TestApp;
  let person: Person;

  beforeAll(async () => {
    backends = await Backends.create();
    free = await startTestApp({ backends });
    app = await startTestApp({ backends, env: LIMITS });
    other = await startTestApp({ backends, env: LIMITS });
    person = await register(free.client, backends.secrets);
  });

  afterAll(async () => {
    await free.expectCleanRecord();
    await Promise.all([free.close(), app.close(), other.close()]);
    await backends.remove();
  });

  const logIn = (on: TestApp, email: string, headers: Record<string, string>, password = 'wrong password') =>
    on.client.post('/v1/auth/login', { email, password }, headers);
  const person2 = (on: TestApp, headers = {}) => ({
    get: (path: string) => on.client.as(person).get(path, { ...anAddress(), ...headers }),
  });

  it('counts log-ins of an address exactly, over all processes, and says when to come back', async () => {
    const address = anAddress();
    const guesses = await Promise.all(
      Array.from({ length: 12 }, (_, n) => logIn(n % 2 ? app : other, `${unique()}@example.org`, address)),
    );
    expect(guesses.filter(({ status }) => status === 401)).toHaveLength(4);
    for (const answer of guesses.filter(({ status }) => status !== 401)) {
      expectProblem(answer, 429, 'rate_limited');
      const seconds = Number(answer.header('retry-after'));
      expect(seconds).toBeGreaterThanOrEqual(1);
      expect(seconds).toBeLessThanOrEqual(60);
      expect(answer.header('ratelimit-reset')).toBe(answer.header('retry-after'));
      expect(answer.header('ratelimit-limit')).toBe('4');
      expect(answer.header('ratelimit-remaining')).toBe('0');
    }
    expect((await logIn(app, person.email, address, person.password)).status).toBe(429);
    expect((await logIn(app, person.email, anAddress(), person.password)).status).toBe(200);
  });

  it('slows down guesses at one account from many addresses', async () => {
    const victim = await register(free.client, backends.secrets);
    const statuses = [];
    for (let n = 0; n < 22; n++) {
      const email = n % 2 ? victim.email : ` ${victim.email.toUpperCase()}`;
      statuses.push((await logIn(app, email, anAddress())).status);
    }
    expect(statuses.filter((status) => status === 401)).toHaveLength(20);
    expect(statuses.slice(20)).toEqual([429, 429]);
  });

  it('limits registrations by address, apart from log-ins', async () => {
    const address = anAddress();
    const tries = [];
    for (let n = 0; n < 6; n++) {
      tries.push((await app.client.post('/v1/auth/register', { email: 'x', password: 'y' }, address)).status);
    }
    expect(tries).toEqual([400, 400, 400, 400, 429, 429]);
    expect((await logIn(app, person.email, address)).status).toBe(401);
  });

  describe('of one user, whatever the addresses', () => {
    let user: Person;
    let client: HttpClient;

    beforeAll(async () => {
      user = await register(free.client, backends.secrets);
      client = app.client.as(user);
    });

    async function statuses(count: number, method: string, path: string, body?: unknown): Promise<number[]> {
      const answers = [];
      for (let n = 0; n < count; n++) {
        const answer = await client.request(method, path, { body, headers: anAddress() });
        if (answer.status === 429) expectProblem(answer, 429, 'rate_limited');
        answers.push(answer.status);
      }
      return answers;
    }

    it('limits reveals by a number of their own', async () => {
      const { id } = await createPlatform(user, backends.secrets);
      const who = { client, accessToken: user.accessToken };
      for (let n = 0; n < 6; n++) expect((await reveal(who, id, 'to post', anAddress())).status).toBe(200);
      expectProblem(await reveal(who, id, 'to post', anAddress()), 429, 'rate_limited');
    });

    it('limits pictures by a number of their own', async () => {
      const path = '/v1/platforms/2147483647/avatar';
      expect(await statuses(6, 'GET', path)).toEqual([404, 404, 404, 404, 404, 429]);
    });

    it.each([
      ['/v1/connect', { instance: 'localhost' }],
      ['/v1/instances/lookup', { instance: 'localhost' }],
    ])('limits POST %s', async (path, body) => {
      expect(await statuses(5, 'POST', path, body)).toEqual([400, 400, 400, 400, 429]);
    });

    it.each(['', '/lookup', '/begin', '/finish'])(
      'limits what people with connect links ask of /v1/connect/guest%s, by address',
      async (path) => {
        const headers = anAddress();
        const body = { link: 'x', instance: 'localhost', attempt: 'x' };
        const fields = { '': ['link'], '/finish': ['attempt'] }[path] ?? ['link', 'instance'];
        const given = Object.fromEntries(Object.entries(body).filter(([name]) => fields.includes(name)));
        const answers = [];
        for (let n = 0; n < 5; n++)
          answers.push(
            (await client.request('POST', `/v1/connect/guest${path}`, { body: given, headers })).status,
          );
        expect(answers).toEqual([404, 404, 404, 404, 429]);
      },
    );

    it('limits all that makes an instance hear of a stored token together, and no other writes', async () => {
      const absent = '/v1/platforms/2147483647';
      expect(await statuses(1, 'POST', `${absent}/test`)).toEqual([404]);
      expect(await statuses(1, 'POST', '/v1/platforms?test=true', {})).toEqual([400]);
      expect(await statuses(1, 'PATCH', `${absent}?test=true`, {})).toEqual([404]);
      expect(await statuses(1, 'DELETE', `${absent}?revoke=true`)).toEqual([404]);

      expect(await statuses(1, 'POST', `${absent}/test`)).toEqual([429]);
      expect(await statuses(1, 'POST', '/v1/platforms?test=true', {})).toEqual([429]);
      expect(await statuses(1, 'PATCH', `${absent}?test=true`, {})).toEqual([429]);
      expect(await statuses(1, 'DELETE', `${absent}?revoke=true`)).toEqual([429]);

      expect(await statuses(1, 'POST', '/v1/platforms?test=false', {})).toEqual([400]);
      expect(await statuses(1, 'PATCH', absent, {})).toEqual([404]);
      expect(await statuses(1, 'DELETE', absent)).toEqual([404]);
    });
  });

  it('limits a user whatever the addresses, and tells each answer what is left', async () => {
    const first = await person2(app).get('/v1/platforms');
    expect(first.header('ratelimit-limit')).toBe('40');
    expect(first.header('ratelimit-remaining')).toBe('39');
    const answers = [];
    for (let n = 0; n < 45; n++) answers.push(await person2(app).get('/v1/platforms'));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(39);
    const refused = answers.at(-1);
    if (refused === undefined) throw new Error('no answer');
    expectProblem(refused, 429, 'rate_limited');
    expect(refused.header('retry-after')).toMatch(/^\d+$/);

    // The other process hears of it; by itself it would admit 40.
    let there = 0;
    const refusedThere = async (): Promise<boolean> => {
      there++;
      return (await person2(other).get('/v1/platforms')).status === 429;
    };
    await waitUntil(refusedThere, {
      timeoutMs: 30_000,
      intervalMs: 500,
      what: 'the other process to refuse',
    });
    expect(there).toBeLessThan(40);
  });

  it('limits an address before tokens and paths are looked at, and never the probes', async () => {
    const address = anAddress();
    const statuses = [];
    for (let n = 0; n < 110; n++) {
      const headers = { ...address, Authorization: `Bearer a.b.${n}` };
      statuses.push((await app.client.get(n % 2 ? '/v1/platforms' : '/nothing', headers)).status);
    }
    expect(statuses.slice(0, 100).every((status) => status === 401 || status === 404)).toBe(true);
    expect(statuses.slice(100).every((status) => status === 429)).toBe(true);
    for (const path of ['/health/live', '/health/ready', '/metrics']) {
      const probe = await app.client.get(path, address);
      expect(probe.status).toBe(200);
      expect(probe.header('ratelimit-limit')).toBeNull();
    }
  });

  it('does not let callers choose their address: of X-Forwarded-For only what the proxy wrote counts', async () => {
    const proxied = `198.51.100.${++lastAddress}`;
    const statuses = [];
    for (let n = 0; n < 6; n++) {
      const headers = { 'X-Forwarded-For': `203.0.113.${n}, ${proxied}` };
      statuses.push((await logIn(app, `${unique()}@example.org`, headers)).status);
    }
    expect(statuses.slice(4)).toEqual([429, 429]);
  });

  it('without TRUST_PROXY believes nothing of X-Forwarded-For', async () => {
    const direct = await startTestApp({ backends, env: { ...LIMITS, TRUST_PROXY: 'false' } });
    const statuses = [];
    for (let n = 0; n < 6; n++) {
      statuses.push((await logIn(direct, `${unique()}@example.org`, anAddress())).status);
    }
    expect(statuses.slice(4)).toEqual([429, 429]);
    await direct.close();
  });

  itOnOneServer('keeps limits of its own, and serves, when Redis is away', async () => {
    const proxy = await startTcpProxy(Number(new URL(backends.redisUrl).port));
    const url = new URL(backends.redisUrl);
    url.port = String(proxy.port);
    const alone = await startTestApp({ backends, env: { ...LIMITS, REDIS_URL: url.href } });
    await proxy.cut();
    const address = anAddress();
    const statuses = [];
    for (let n = 0; n < 6; n++)
      statuses.push((await logIn(alone, `${unique()}@example.org`, address)).status);
    expect(statuses).toEqual([401, 401, 401, 401, 429, 429]);
    const accessToken = await signAccessToken(backends, (await register(free.client, backends.secrets)).id);
    expect((await alone.client.as({ accessToken }).get('/v1/platforms', anAddress())).status).toBe(200);
    await alone.close();
    await proxy.close();
  });

  it.each([
    ['TRUST_PROXY', '10.0.0.0/8, 192.0.2.1', ['10.0.0.0/8', '192.0.2.1']],
    ['TRUST_PROXY', '2', 2],
    ['TRUST_PROXY', 'false', false],
  ])('reads %s=%s', (name, text, value) => {
    expect(loadConfig({ ...backends.env(), [name]: text }).trustProxy).toEqual(value);
  });

  it.each(['yes', '10.0.0.0/33', 'proxy.example', '0'])('refuses TRUST_PROXY=%s', (text) => {
    expect(() => loadConfig({ ...backends.env(), TRUST_PROXY: text })).toThrow(/TRUST_PROXY/);
  });

  describe('connections', () => {
    const open = async (to: TestApp) => {
      const socket = connect(Number(new URL(to.baseUrl).port), '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    };

    it('of one address beyond its number are ended unread, until others have gone', async () => {
      const few = await startTestApp({
        backends,
        env: { ...LIMITS, TRUST_PROXY: 'false', RATE_LIMIT_CONNECTIONS_PER_ADDRESS: '3' },
      });
      const sockets = [await open(few), await open(few), await open(few)];
      const excess = await open(few);
      await ended(excess);
      const [first] = sockets;
      first?.destroy();
      const admitted = async (): Promise<boolean> => {
        const socket = await open(few);
        let answer = '';
        socket.on('data', (chunk) => (answer += chunk.toString()));
        socket.write('GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
        await ended(socket);
        return answer.startsWith('HTTP/1.1 200');
      };
      await waitUntil(admitted, { timeoutMs: 10_000, what: 'the place of one that has gone' });
      for (const socket of sockets) socket.destroy();
      await few.close();
    });

    it('that ask for an upgrade count as requests of their address, and get an answer', async () => {
      const few = await startTestApp({ backends, env: { ...LIMITS, TRUST_PROXY: 'false' } });
      const upgrade = async (path: string): Promise<string> => {
        const socket = await open(few);
        socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
        let answer = '';
        socket.on('data', (chunk) => (answer += chunk.toString()));
        await ended(socket);
        return answer.slice(0, 12);
      };
      const answers: string[] = [];
      for (let n = 0; n < 101; n++) answers.push(await upgrade('/v1/platforms'));
      // Of the 100 of this minute other tests may have used some.
      expect([answers[0], answers.at(-1)]).toEqual(['HTTP/1.1 404', 'HTTP/1.1 429']);
      expect((await few.client.get('/nothing')).status).toBe(429);
      // Without a listener of our own each of these would end the process.
      for (let n = 0; n < 20; n++) {
        const socket = await open(few);
        socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
        socket.once('data', () => socket.resetAndDestroy());
        await ended(socket);
      }
      expect((await few.client.get('/health/live')).status).toBe(200);
      await few.close();
    });
  });

  describe('requests that are too much', () => {
    it('refuses a body with too many levels, and is alive afterwards', async () => {
      for (const depth of [17, 1000, 8000]) {
        const raw = `{"email":${'['.repeat(depth)}${']'.repeat(depth)}}`;
        const headers = { 'Content-Type': 'application/json' };
        const answer = await free.client.request('POST', '/v1/auth/login', { raw, headers });
        expectProblem(answer, 400, 'validation_failed', ['']);
      }
      expect((await free.client.get('/health/live')).status).toBe(200);
    });

    it.each([
      [
        'headers of 20 kB',
        `GET /health/live HTTP/1.1\r\nHost: x\r\nX-Big: ${'x'.repeat(20_000)}\r\n\r\n`,
        431,
      ],
      ['what is not HTTP', 'nonsense\r\n\r\n', 400],
    ])('refuses %s as a problem', async (_what, text, status) => {
      const socket = connect(Number(new URL(free.baseUrl).port), '127.0.0.1');
      socket.write(text);
      let answer = '';
      socket.on('data', (chunk) => (answer += chunk.toString()));
      await ended(socket);
      expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(answer).toContain('Content-Type: application/problem+json');
      expect(answer).toMatch(/X-Content-Type-Options: nosniff/);
      expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({ status });
    });

    it('cuts off who does not finish the headers, or the body, and serves the others meanwhile', async () => {
      const slow = async (text: string): Promise<string> => {
        // This client never ends its half of the connection.
        const options = { port: Number(new URL(free.baseUrl).port), host: '127.0.0.1', allowHalfOpen: true };
        const socket = connect(options);
        socket.write(text);
        let answer = '';
        socket.on('data', (chunk) => (answer += chunk.toString()));
        await once(socket, 'end');
        // Where nobody listens any more, the second of these is answered with a reset.
        const sending = setInterval(() => socket.write('x'), 100);
        const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
        clearInterval(sending);
        expect(['ECONNRESET', 'EPIPE']).toContain(error.code);
        return answer;
      };
      const post =
        'POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n';
      const answers = Promise.all([slow(post), slow(`${post}\r\n{`)]);
      expect((await free.client.get('/health/live')).status).toBe(200);
      for (const answer of await answers) {
        expect(answer).toMatch(/^HTTP\/1\.1 408 /);
        expect(answer).toContain('Content-Type: application/problem+json');
      }
    }, 120_000);
  });

  describe('security headers', () => {
    it.each([
      ['/health/live', 200],
      ['/v1/platforms', 401],
      ['/nothing', 404],
      ['/docs', 200],
      ['/%', 400],
    ])('are on the answer to %s, which is %d', async (path, status) => {
      const answer = await free.client.get(path);
      expect(answer.status).toBe(status);
      expect(answer.header('x-content-type-options')).toBe('nosniff');
      expect(answer.header('x-frame-options')).toBe('SAMEORIGIN');
      expect(answer.header('referrer-policy')).toBe('no-referrer');
      expect(answer.header('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(answer.header('x-powered-by')).toBeNull();
    });

    it('let Swagger UI work: everything that it loads is allowed and is there', async () => {
      const page = await free.client.get('/docs');
      expect(page.header('content-security-policy')).toContain("script-src 'self';");
      const scripts = [...page.text.matchAll(/<script([^>]*)>([^<]*)<\/script>/g)];
      expect(scripts.length).toBeGreaterThan(0);
      for (const [, attributes = '', inline = ''] of scripts) {
        expect(inline.trim()).toBe('');
        const source = /src="([^"]+)"/.exec(attributes)?.[1] ?? '';
        const script = await free.client.get(new URL(source, `${free.baseUrl}/docs`).pathname);
        expect(script.status).toBe(200);
      }
    });
  });
});
