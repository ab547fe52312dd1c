import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { patient, reaching } from './send.js';
import { type ClientOptions, Problem, Unreachable, createClient, ok } from './index.js';

interface Asked {
  readonly route: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

type Answer = (response: ServerResponse, asked: Asked, nth: number) => void;

const server = createServer();
let baseUrl: string;
let asked: Asked[] = [];
let routes: Record<string, Answer> = {};

server.on('request', (request: IncomingMessage, response: ServerResponse) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const route = `${request.method} ${request.url}`;
    const nth = askedFor(route).length;
    const one = { route, headers: request.headers, body: Buffer.concat(chunks).toString() };
    asked.push(one);
    (routes[route] ?? refuse(404))(response, one, nth);
  });
});

beforeEach(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  asked = [];
  routes = {
    'POST /v1/auth/login': (response) => json(response, 200, session('first')),
    'POST /v1/auth/refresh': (response) => json(response, 200, session('second')),
  };
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

function askedFor(route: string): Asked[] {
  return asked.filter((one) => one.route === route);
}

function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
}

function refuse(status: number, headers: Readonly<Record<string, string>> = {}, code = `c${status}`): Answer {
  return (response) => json(response, status, { code, detail: `Refused: ${status}.` }, headers);
}

/** The connection ends without a response. */
const lose: Answer = (response) => response.destroy();

/** What `answers` says, in turn; the last one from then on. */
function inTurn(...answers: Answer[]): Answer {
  return (response, one, nth) => answers[Math.min(nth, answers.length - 1)]?.(response, one, nth);
}

function session(accessToken: string, id = 1) {
  const user = { id, email: 'ada@example.org', role: 'user' };
  return { user, accessToken, refreshToken: `r-${accessToken}`, tokenType: 'Bearer', expiresIn: 900 };
}

async function signedIn(own: Partial<ClientOptions> = {}) {
  const client = createClient({ baseUrl, ...own });
  await client.session.signIn('ada@example.org', 'a good password');
  return client;
}

const emptyList: Answer = (response) => json(response, 200, []);

describe('tokens', () => {
  it('are renewed by one request when 50 callers are refused at once, and all 50 get their answer', async () => {
    routes['GET /v1/platforms'] = (response, { headers }) =>
      headers.authorization === 'Bearer second'
        ? json(response, 200, [])
        : refuse(401)(response, asked[0]!, 0);
    const client = await signedIn();
    const lists = await Promise.all(Array.from({ length: 50 }, () => ok(client.api.GET('/v1/platforms'))));
    expect(lists).toEqual(Array.from({ length: 50 }, () => []));
    expect(askedFor('POST /v1/auth/refresh').map(({ body }) => body)).toEqual(['{"refreshToken":"r-first"}']);
    expect(askedFor('GET /v1/platforms')).toHaveLength(100);
  });

  it('are kept when they cannot be renewed now, and given up when the server refuses that', async () => {
    routes['GET /v1/me'] = refuse(401);
    routes['POST /v1/auth/refresh'] = inTurn(refuse(503), refuse(401));
    const ends: unknown[] = [];
    const client = await signedIn({ onUser: (user, reason) => ends.push([user?.id, reason?.status]) });
    await expect(ok(client.api.GET('/v1/me'))).rejects.toMatchObject({ status: 503 });
    expect(client.session.user?.id).toBe(1);
    await expect(ok(client.api.GET('/v1/me'))).rejects.toMatchObject({ status: 401 });
    expect(client.session.user).toBeNull();
    expect(ends).toEqual([
      [1, undefined],
      [undefined, 401],
    ]);
  });

  it('leave the refresh token to the cookie where they are asked to, and go on with it', async () => {
    routes['POST /v1/auth/refresh'] = inTurn(refuse(401), refuse(503), (response) => {
      const { refreshToken: _, ...rest } = session('second');
      json(response, 200, rest);
    });
    const client = createClient({ baseUrl, sessionCookie: true, patienceMs: 0 });
    expect(await client.session.restore()).toBeNull();
    await expect(client.session.restore()).rejects.toMatchObject({ status: 503 });
    expect(await client.session.restore()).toMatchObject({ id: 1 });
    expect(await client.accessToken()).toBe('second');
    routes['POST /v1/auth/logout'] = (response) => response.writeHead(204).end();
    await client.session.signOut();
    const sent = asked.map(({ headers, body }) => [headers['session-cookie'], body]);
    expect(sent).toEqual(Array.from({ length: 4 }, () => ['true', '{}']));
    expect(await createClient({ baseUrl }).session.restore()).toBeNull();
  });

  it('are not asked for with an API key, whose 401 is final', async () => {
    routes['GET /v1/platforms'] = refuse(401);
    const client = createClient({ baseUrl, apiKey: 'pm_key' });
    await expect(ok(client.api.GET('/v1/platforms'))).rejects.toMatchObject({ code: 'c401' });
    expect(asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer pm_key']);
  });
});

describe('a sign-in of long ago', () => {
  const unconfirmed = refuse(403, {}, 'recent_sign_in_required');
  const make = (client: Awaited<ReturnType<typeof signedIn>>) =>
    ok(client.api.POST('/v1/api-keys', { body: { name: 'a', scopes: ['platforms:read'] } }));

  it('is confirmed once for all that were refused, which are sent again as they were', async () => {
    let confirmed = 0;
    routes['POST /v1/api-keys'] = (response, one, nth) =>
      confirmed === 0 ? unconfirmed(response, one, nth) : json(response, 201, { id: 1 });
    const client = await signedIn({
      confirm: async () => {
        confirmed++;
        return true;
      },
    });
    expect(await Promise.all([make(client), make(client)])).toEqual([{ id: 1 }, { id: 1 }]);
    expect(confirmed).toBe(1);
    const sent = askedFor('POST /v1/api-keys');
    expect(new Set(sent.map(({ headers }) => headers['idempotency-key'])).size).toBe(2);
    expect(new Set(sent.map(({ body }) => body)).size).toBe(1);
  });

  it('is a refusal where nobody confirms it, and other refusals ask nobody', async () => {
    routes['POST /v1/api-keys'] = unconfirmed;
    await expect(make(await signedIn())).rejects.toMatchObject({ code: 'recent_sign_in_required' });
    routes['POST /v1/api-keys'] = refuse(403, {}, 'forbidden');
    const asking = await signedIn({ confirm: () => Promise.reject(new Error('asked')) });
    await expect(make(asking)).rejects.toMatchObject({ code: 'forbidden' });
  });
});

describe('bodies with an ETag', () => {
  it('are kept: a 304 gives the kept body, with the new headers', async () => {
    routes['GET /v1/platforms'] = (response, { headers }) => {
      if (headers['if-none-match'] === '"1"') response.writeHead(304, { 'Cache-Status': 'hit' }).end();
      else json(response, 200, [{ id: 7 }], { ETag: '"1"', 'Cache-Status': 'miss' });
    };
    const client = await signedIn();
    await client.api.GET('/v1/platforms');
    const { data, response } = await client.api.GET('/v1/platforms');
    expect(data).toEqual([{ id: 7 }]);
    expect([response.status, response.headers.get('Cache-Status')]).toEqual([200, 'hit']);
    expect(askedFor('GET /v1/platforms').map(({ headers }) => headers['if-none-match'])).toEqual([
      undefined,
      '"1"',
    ]);
  });

  it('are forgotten when somebody else signs in', async () => {
    routes['GET /v1/platforms'] = (response) => json(response, 200, [], { ETag: '"1"' });
    routes['POST /v1/auth/login'] = (response, _asked, nth) => json(response, 200, session('t', nth));
    const client = await signedIn();
    await client.api.GET('/v1/platforms');
    await client.session.signIn('bob@example.org', 'a good password');
    await client.api.GET('/v1/platforms');
    expect(askedFor('GET /v1/platforms').map(({ headers }) => headers['if-none-match'])).toEqual([
      undefined,
      undefined,
    ]);
  });
});

describe('a request', () => {
  const body = {
    name: 'a',
    platformType: 'mastodon',
    instanceUrl: 'https://a.example',
    accessToken: 'x',
  } as const;

  it('that creates is sent again, with the same key and body, when its answer is lost', async () => {
    routes['POST /v1/platforms'] = inTurn(lose, (response) => json(response, 201, { id: 1 }));
    const client = await signedIn();
    expect(await ok(client.api.POST('/v1/platforms', { body }))).toEqual({ id: 1 });
    const [first, second] = askedFor('POST /v1/platforms');
    expect(first?.headers['idempotency-key']).toMatch(/^[0-9a-f]{32}$/);
    expect(second?.headers['idempotency-key']).toBe(first?.headers['idempotency-key']);
    expect([first?.body, second?.body]).toEqual([JSON.stringify(body), JSON.stringify(body)]);
  });

  it('that creates has a key of its own each time, or the one that it is given', async () => {
    routes['POST /v1/platforms'] = (response) => json(response, 201, { id: 1 });
    const client = await signedIn();
    await client.api.POST('/v1/platforms', { body });
    await client.api.POST('/v1/platforms', { body });
    await client.api.POST('/v1/platforms', { body, headers: { 'Idempotency-Key': 'mine' } });
    const keys = askedFor('POST /v1/platforms').map(({ headers }) => headers['idempotency-key']);
    expect([new Set(keys).size, keys[2]]).toEqual([3, 'mine']);
  });

  it('whose first attempt still runs waits as long as the 409 says, and gets the reply', async () => {
    routes['POST /v1/platforms'] = inTurn(
      lose,
      refuse(409, { 'Retry-After': '1' }, 'idempotency_key_in_use'),
      (response) => json(response, 201, { id: 1 }, { 'Idempotent-Replayed': 'true' }),
    );
    const client = await signedIn();
    const started = performance.now();
    expect(await ok(client.api.POST('/v1/platforms', { body }))).toEqual({ id: 1 });
    expect(performance.now() - started).toBeGreaterThanOrEqual(990);
    const keys = askedFor('POST /v1/platforms').map(({ headers }) => headers['idempotency-key']);
    expect([keys.length, new Set(keys).size]).toEqual([3, 1]);
  });

  it.each([
    ['five times at most while its first attempt runs', 5, 409, 'idempotency_key_in_use'],
    ['once if its key was used for another request', 1, 422, 'idempotency_key_reused'],
    ['once after any other conflict', 1, 409, 'duplicate_name'],
  ])('that creates is sent %s', async (_what, times, status, code) => {
    routes['POST /v1/platforms'] = refuse(status, { 'Retry-After': '0' }, code);
    const client = await signedIn();
    await expect(ok(client.api.POST('/v1/platforms', { body }))).rejects.toMatchObject({ status, code });
    expect(askedFor('POST /v1/platforms')).toHaveLength(times);
  });

  it.each([
    ['a POST without a key', 'POST', {}],
    ['a PATCH, which has no use for a key', 'PATCH', { 'Idempotency-Key': 'mine' }],
  ])('is not sent again when its answer is lost: %s', async (_what, method, headers) => {
    routes[`${method} /v1/platforms`] = lose;
    const send = patient(
      reaching(fetch, 0, () => undefined),
      20_000,
    );
    const request = new Request(`${baseUrl}/v1/platforms`, { method, headers });
    await expect(send(request)).rejects.toBeInstanceOf(Unreachable);
    expect(askedFor(`${method} /v1/platforms`)).toHaveLength(1);
  });

  it('waits as long as a 503 says, and is sent again', async () => {
    routes['GET /v1/platforms'] = inTurn(refuse(503, { 'Retry-After': '1' }), emptyList);
    const client = await signedIn();
    const started = performance.now();
    expect(await ok(client.api.GET('/v1/platforms'))).toEqual([]);
    expect(performance.now() - started).toBeGreaterThanOrEqual(990);
  });

  it.each([
    ['a 503 without Retry-After', refuse(503)],
    ['a 503 that asks for more patience than there is', refuse(503, { 'Retry-After': '21' })],
    ['any other refusal', refuse(429, { 'Retry-After': '0' })],
  ])('is not sent again after %s', async (_what, answer) => {
    routes['GET /v1/platforms'] = answer;
    const client = await signedIn();
    await expect(ok(client.api.GET('/v1/platforms'))).rejects.toBeInstanceOf(Problem);
    expect(askedFor('GET /v1/platforms')).toHaveLength(1);
  });

  it('that changes is sent once, and any other at most five times', async () => {
    routes['PATCH /v1/platforms/1'] = lose;
    routes['GET /v1/platforms'] = refuse(503, { 'Retry-After': '0' });
    let unreachable = 0;
    const client = await signedIn({ onUnreachable: () => (unreachable += 1) });
    const change = client.api.PATCH('/v1/platforms/{id}', {
      params: { path: { id: 1 } },
      body: { name: 'b' },
    });
    await expect(change).rejects.toBeInstanceOf(Unreachable);
    await expect(ok(client.api.GET('/v1/platforms'))).rejects.toMatchObject({ status: 503 });
    expect([
      unreachable,
      ...['PATCH /v1/platforms/1', 'GET /v1/platforms'].map((r) => askedFor(r).length),
    ]).toEqual([1, 1, 5]);
  });

  it('is given up at once when its caller aborts it, also while it waits', async () => {
    routes['GET /v1/platforms'] = refuse(503, { 'Retry-After': '15' });
    const client = await signedIn();
    const abort = new AbortController();
    const list = client.api.GET('/v1/platforms', { signal: abort.signal });
    while (askedFor('GET /v1/platforms').length === 0) await new Promise(setImmediate);
    abort.abort();
    await expect(list).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('that is refused fails with its problem, and names the errors by field', async () => {
    const errors = [
      { pointer: '/name', detail: 'name is required' },
      { pointer: '#limit', detail: 'limit must be at most 200' },
    ];
    routes['POST /v1/platforms'] = (response) =>
      json(response, 400, { code: 'validation_failed', detail: 'Invalid.', requestId: 'q', errors });
    routes['GET /v1/me'] = (response) => response.writeHead(502).end('<html>');
    const client = await signedIn();
    const problem = await ok(client.api.POST('/v1/platforms', { body })).catch((error: unknown) => error);
    if (!(problem instanceof Problem)) throw new Error('not refused');
    expect([problem.status, problem.code, problem.requestId, problem.message]).toEqual([
      ...[400, 'validation_failed', 'q', 'Invalid.'],
    ]);
    expect([problem.of('name'), problem.of('limit'), problem.of('username')]).toEqual([
      ...['name is required', 'limit must be at most 200', undefined],
    ]);
    await expect(ok(client.api.GET('/v1/me'))).rejects.toMatchObject({ status: 502, code: 'unexplained' });
  });
});

describe('events', () => {
  const stream =
    (text: string): Answer =>
    (response) =>
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).end(`retry: 1\n\n${text}`);
  const change = (id: number) => `id: ${id}\nevent: platform\ndata: {"eventId":${id}}\n\n`;

  it('go on where they were, each once, whatever interrupts them, and end when another attempt would end the same', async () => {
    routes['GET /v1/events'] = inTurn(
      stream(
        `id: 3\nevent: ready\ndata: {"lastEventId":3}\n\n${change(4)}${change(5)}id: 6\nevent: platform\ndata: {`,
      ),
      lose,
      refuse(503, { 'Retry-After': '0' }),
      stream(`${change(5)}${change(6)}id: 9\nevent: position\ndata: {"lastEventId":9}\n\n`),
      refuse(403),
    );
    const client = await signedIn();
    const heard: string[] = [];
    const listen = async (): Promise<void> => {
      for await (const { type, lastEventId } of client.events()) heard.push(`${type} ${lastEventId}`);
    };
    await expect(listen()).rejects.toMatchObject({ code: 'c403' });
    expect(heard).toEqual([
      ...['ready 3', 'platform 4', 'platform 5', 'interrupted 5', 'interrupted 5', 'interrupted 5'],
      ...['platform 6', 'position 9', 'interrupted 9'],
    ]);
    const resumed = askedFor('GET /v1/events').map(({ headers }) => headers['last-event-id']);
    expect(resumed).toEqual([undefined, '5', '5', '5', '9']);
  });

  it('end when their listener is done with them', async () => {
    let closed: Promise<unknown> | undefined;
    routes['GET /v1/events'] = (response) => {
      closed = once(response, 'close');
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(change(1));
    };
    const client = await signedIn();
    for await (const message of client.events({ lastEventId: 0 })) {
      expect(message).toEqual({ type: 'platform', lastEventId: 1, event: { eventId: 1 } });
      break;
    }
    await closed;
  });
});
