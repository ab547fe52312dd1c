import { Agent } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Random } from '../../fault/history/random.js';
import { Backends } from '../../support/backends.js';
import { expectCleanRecord } from '../../support/clean-record.js';
import { HttpClient } from '../../support/http-client.js';
import { type InsertedUser, insertUsers } from '../../support/insert-users.js';
import { quantile, send } from '../../support/load.js';
import { type ApiProcess, startApi } from '../../support/servers/api-process.js';

const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const RANDOM_BODIES = Number(process.env['FUZZ_RUNS'] ?? 10);
/** What a request may delay others by. */
const MAX_DELAY_MS = 50;
/** What else the machine does only ever adds to a delay, so the shortest of some counts. */
const TRIES = 4;
const KIB = 1024;

/** What grows until the body is as long as it may be. */
const SHAPES: Readonly<Record<string, (bytes: number) => string>> = {
  'unknown fields': (bytes) => object(bytes, (n) => `"u${n}":1`),
  'fields without a name': (bytes) => object(bytes, () => '"":0'),
  'fields with pointers in their names': (bytes) => object(bytes, (n) => `"~/${n}":"~"`),
  numbers: (bytes) => array(bytes, () => '0'),
  'empty objects': (bytes) => array(bytes, () => '{}'),
  'objects of unknown fields': (bytes) => array(bytes, (n) => `{"a${n}":{"b":[]},"c":[0,0]}`),
  levels: (bytes) => `{"a":${'['.repeat(bytes / 2 - 8)}${']'.repeat(bytes / 2 - 8)}}`,
  'levels and fields': (bytes) => `{"a":${'[['.repeat(6)}${array(bytes - 64, () => '[]')}${']]'.repeat(6)}}`,
  'a long text': (bytes) => `"${'x'.repeat(bytes - 2)}"`,
  escapes: (bytes) => `{"name":"${'\\u0001'.repeat((bytes - 16) / 6)}"}`,
};
/** Texts that a careless regular expression is slow with. */
const TEXTS = [
  'a',
  ' ',
  '@',
  'a.',
  '.',
  '-',
  'a@',
  'https://',
  '/',
  '%',
  '\\u0000',
  'é',
  '\\ud83d',
  '=',
  '1',
  'T:',
];
const FIELDS = [
  'email',
  'password',
  'refreshToken',
  'name',
  'instanceUrl',
  'instance',
  'accessToken',
  'clientKey',
  'username',
  'platformType',
  'expiresAt',
  'occurredAt',
  'externalId',
  'kind',
  'status',
  'scopes',
  'reason',
  'code',
  'state',
];

function array(bytes: number, item: (n: number) => string): string {
  const items: string[] = [];
  for (let length = 2; ;) {
    const next = item(items.length);
    length += next.length + 1;
    if (length > bytes) return `[${items.join()}]`;
    items.push(next);
  }
}

const object = (bytes: number, field: (n: number) => string): string =>
  `{${array(bytes, field).slice(1, -1)}}`;

describe(`a request, FUZZ_SEED=${SEED}`, () => {
  const random = new Random(SEED);
  const agent = new Agent({ keepAlive: true });
  let backends: Backends;
  let api: ApiProcess;
  let user: InsertedUser;

  beforeAll(async () => {
    backends = await Backends.create();
    api = await startApi({
      env: { ...backends.env(), NODE_ENV: 'production', LOG_LEVEL: 'info', INSTANCE_TIMEOUT_MS: '500' },
    });
    backends.logs.push(() => api.output);
    [user] = (await insertUsers(backends, 1)) as [InsertedUser];
  }, 120_000);
  afterAll(async () => {
    agent.destroy();
    try {
      await expectCleanRecord({
        backends,
        client: new HttpClient(api.baseUrl, backends.exchanges, backends.secrets),
      });
    } finally {
      await api.stop();
      await backends.remove();
    }
  }, 60_000);

  /** The routes that take a body, and how long it may be. */
  const routes = (): readonly (readonly [method: string, path: string, kib: number])[] => [
    ['POST', '/v1/auth/logout', 16],
    ['POST', '/v1/auth/refresh', 16],
    ['POST', '/v1/auth/login', 16],
    ['POST', '/v1/auth/register', 16],
    ['POST', '/v1/platforms', 16],
    ['PATCH', `/v1/platforms/${user.platformId}`, 16],
    ['POST', `/v1/platforms/${user.platformId}/credentials`, 16],
    ['POST', `/v1/platforms/${user.platformId}/activities`, 1024],
    ['POST', '/v1/api-keys', 16],
    ['POST', '/v1/connect', 16],
    ['POST', '/v1/connect/finish', 16],
    ['POST', '/v1/connect/links', 16],
    ['POST', '/v1/connect/guest/begin', 16],
    ['POST', '/v1/instances/lookup', 16],
  ];

  const live = () => send({ baseUrl: api.baseUrl, agent, method: 'GET', path: '/health/live' });

  /** Milliseconds that a second client waits for /health/live at the most while the request is under way. */
  async function delayBy(path: string, init: RequestInit): Promise<number> {
    await live();
    let pending = true;
    const headers = { authorization: `Bearer ${user.token}`, ...(init.headers as Record<string, string>) };
    const request = fetch(`${api.baseUrl}${path}`, { ...init, headers })
      .then((answer) => answer.text())
      .catch(() => '')
      .finally(() => (pending = false));
    const delays: number[] = [];
    while (pending || delays.length < 2) delays.push((await live()).durationMs);
    const answer = await request;
    expect(answer.length).toBeLessThan(200 * KIB);
    return Math.max(...delays);
  }

  /** @returns the delay, of the best of some tries if it is too long. */
  async function expectNoDelay(what: string, path: string, init: RequestInit): Promise<number> {
    let best = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < TRIES && best > MAX_DELAY_MS; tries++)
      best = Math.min(best, await delayBy(path, init));
    if (best > MAX_DELAY_MS) throw new Error(`${what} to ${path} delays others by ${Math.round(best)} ms`);
    return best;
  }

  it.each(Object.keys(SHAPES))(
    'with a body of %s, as long as it may be, delays no other by more than 50 ms',
    async (shape) => {
      for (const [method, path, kib] of routes()) {
        const body = SHAPES[shape]?.(kib * KIB) ?? '';
        await expectNoDelay(shape, path, { method, body, headers: { 'content-type': 'application/json' } });
      }
    },
    120_000,
  );

  it('with a full batch delays no other by more than 50 ms, whether it is valid or not', async () => {
    const path = `/v1/platforms/${user.platformId}/activities`;
    const activity = (n: number, more: object) => ({
      kind: 'post',
      externalId: `${'é'.repeat(150)}${n}`,
      status: 'published',
      occurredAt: '2026-11-22T12:00:00.000Z',
      ...more,
    });
    const headers = { 'content-type': 'application/json' };
    for (const more of [{}, { status: 7 }, { more: 1 }, { occurredAt: '9'.repeat(1500) }]) {
      const body = JSON.stringify(Array.from({ length: 500 }, (_, n) => activity(n, more)));
      await expectNoDelay(JSON.stringify(more).slice(0, 40), path, { method: 'POST', body, headers });
    }
  }, 60_000);

  it('with any texts in its fields delays no other by more than 50 ms', async () => {
    const delays: number[] = [];
    for (const [method, path, kib] of routes()) {
      for (let run = 0; run < RANDOM_BODIES; run++) {
        const names = FIELDS.filter(() => random.next() < 0.3);
        const each = (Math.min(kib, 16) * KIB) / Math.max(1, names.length) - 40;
        const fields = names.map((name) => {
          const text = random.pick(TEXTS);
          const long = text.repeat(Math.floor(each / Buffer.byteLength(text)));
          return `"${name}":${random.next() < 0.8 ? `"${long}"` : array(each, () => `"${text}"`)}`;
        });
        const one = `{${fields.join()}}`;
        const body = kib > 16 ? `[${Array(60).fill(one).join()}]` : one;
        const headers = { 'content-type': 'application/json' };
        delays.push(await expectNoDelay(body.slice(0, 200), path, { method, body, headers }));
      }
    }
    process.stdout.write(
      `${delays.length} bodies delayed others by ${Math.round(quantile(delays, 0.5))} ms (p50), ` +
        `${Math.round(Math.max(...delays))} ms at the most\n`,
    );
  }, 240_000);

  it.each([
    ['a long query', { path: `/v1/platforms?${'a=1&'.repeat(3500)}` }],
    ['a long path', { path: `/v1/${'%41/'.repeat(3500)}` }],
    ['a long token', { authorization: `Bearer ${'a.'.repeat(6000)}` }],
    ['a token of spaces', { authorization: `Bearer${' '.repeat(12_000)}x` }],
    ['many cookies', { cookie: 'a=b; '.repeat(2500) }],
    ['many ETags', { 'if-none-match': '"a", '.repeat(2500) }],
    ['a long If-Match', { 'if-match': `"${'1'.repeat(12_000)}"` }],
    ['a long Last-Event-ID', { 'last-event-id': '9'.repeat(12_000) }],
    ['many forwarded addresses', { 'x-forwarded-for': '10.0.0.1, '.repeat(1100) }],
  ])(
    'with %s delays no other by more than 50 ms',
    async (what, { path, ...headers }: Record<string, string>) => {
      for (const route of path === undefined ? ['/v1/platforms', `/v1/platforms/${user.platformId}`] : [path])
        await expectNoDelay(what, route, { headers });
    },
  );
});
