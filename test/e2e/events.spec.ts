import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from '../support/app.js';
import { Backends } from '../support/backends.js';
import { asyncApi, undocumentedMessages } from '../support/asyncapi.js';
import { waitUntil } from '../support/barrier.js';
import { type EventJson, SocketListener, StreamListener } from '../support/event-listener.js';
import { type Person, createPlatform, register, signAccessToken } from '../support/factories.js';
import { insertUsers } from '../support/insert-users.js';
import { readOpenApi } from '../support/openapi.js';
import { expectProblem } from '../support/problems.js';

let backends: Backends;
let app: TestApp;
const open: { close(): unknown }[] = [];

beforeAll(async () => {
  backends = await Backends.create();
  app = await startTestApp({
    backends,
    env: { CORS_ORIGINS: 'https://app.example.org', EVENTS_MAX_CLIENTS_PER_USER: '4' },
  });
});
afterEach(async () => {
  for (const listener of open.splice(0)) await listener.close();
});
afterAll(async () => {
  await app.expectCleanRecord();
  await app.close();
  await backends.remove();
});

const newPerson = (): Promise<Person> => register(app.client, backends.secrets);

async function listen(token: string, lastEventId?: number): Promise<SocketListener> {
  const { exchanges } = backends;
  const listener = await SocketListener.connect(app.baseUrl, { token, lastEventId, exchanges });
  open.push(listener);
  return listener;
}

async function stream(token: string, lastEventId?: number): Promise<StreamListener> {
  const { exchanges } = backends;
  const listener = await StreamListener.connect(app.baseUrl, { token, lastEventId, exchanges });
  open.push(listener);
  return listener;
}

/** Of a connection that is refused. */
async function refusal(auth: unknown, client = {}): Promise<unknown> {
  const listener = new SocketListener(app.baseUrl, {
    token: '',
    client: { auth: auth as object, ...client },
  });
  open.push(listener);
  return (await listener.sign('connect_error')).data;
}

const ofType = (type: string) => (event: EventJson) => event.type === type;

describe.each([
  ['Socket.IO', listen],
  ['server-sent events', stream],
])('%s', (_name, connect) => {
  it('tells of each kind of change, with the connection as GET shows it', async () => {
    const ada = await newPerson();
    const ear = await connect(ada.accessToken);
    const first = await createPlatform(ada, backends.secrets);
    const created = await ear.event(ofType('platform.created'));
    expect(created).toEqual({
      eventId: expect.any(Number),
      type: 'platform.created',
      platformId: first.id,
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      platform: (await ada.client.get(`/v1/platforms/${first.id}`)).json(),
    });

    await ada.client.patch(`/v1/platforms/${first.id}`, { name: 'renamed' });
    expect((await ear.event(ofType('platform.updated'))).platform?.name).toBe('renamed');

    const second = await createPlatform(ada, backends.secrets);
    await ada.client.put(`/v1/platforms/${second.id}/default`);
    const switched = await ear.event(
      ({ type, platformId }) => type === 'platform.default_changed' && platformId === second.id,
    );
    expect(switched.platform?.isDefault).toBe(true);

    // By hand, past the application.
    await backends.rows(`UPDATE platform_connections SET status = 'connected' WHERE id = $1`, [second.id]);
    expect((await ear.event(ofType('platform.status_changed'))).platform?.status).toBe('connected');

    await ada.client.delete(`/v1/platforms/${first.id}`);
    const deleted = await ear.event(ofType('platform.deleted'));
    expect(deleted.platformId).toBe(first.id);
    expect(deleted).not.toHaveProperty('platform');
    expect(ear.ids).toEqual([...new Set(ear.ids)].sort((a, b) => a - b));
  });

  it('tells nobody else', async () => {
    const [ada, bob] = [await newPerson(), await newPerson()];
    const [adas, bobs] = [await connect(ada.accessToken), await connect(bob.accessToken)];
    for (let n = 0; n < 5; n++) {
      await createPlatform(ada, backends.secrets);
      await createPlatform(bob, backends.secrets);
    }
    await bobs.until(() => bobs.events.length === 5, "Bob's events");
    await adas.until(() => adas.events.length === 5, "Ada's events");
    expect(new Set(adas.events.map(({ platform }) => platform?.userId))).toEqual(new Set([ada.id]));
    expect(new Set(bobs.events.map(({ platform }) => platform?.userId))).toEqual(new Set([bob.id]));
  });

  it('sends what was missed since lastEventId first, in order and once', async () => {
    const ada = await newPerson();
    const before = await connect(ada.accessToken);
    await createPlatform(ada, backends.secrets);
    const { eventId } = await before.event(ofType('platform.created'));
    await before.close();

    const { id } = await createPlatform(ada, backends.secrets);
    for (let n = 0; n < 120; n++) {
      await backends.rows('UPDATE platform_connections SET name = $1 WHERE id = $2', [`name ${n}`, id]);
    }
    const after = await connect(ada.accessToken, eventId);
    await after.until(() => after.events.length === 121, 'what was missed');
    expect(after.events.map(({ type }) => type)).toEqual([
      'platform.created',
      ...Array<string>(120).fill('platform.updated'),
    ]);
    expect(after.ids).toEqual([...new Set(after.ids)].sort((a, b) => a - b));
  });

  it('ends when the token expires, and says so', async () => {
    const ada = await newPerson();
    const token = await signAccessToken(backends, ada.id, { expiresInSeconds: 6 });
    const ear = await connect(token);
    expect((await ear.sign('closing', 30_000)).data).toEqual({ code: 'unauthenticated' });
    await ear.sign('disconnect');
    await createPlatform(ada, backends.secrets);
    const other = await connect(ada.accessToken, ear.lastEventId);
    await other.event(ofType('platform.created'));
    expect(ear.events).toEqual([]);
  });

  it('ends when the API key is revoked', async () => {
    const ada = await newPerson();
    const answer = await ada.client.post('/v1/api-keys', { name: 'ear', scopes: ['platforms:read'] });
    const { id, key } = answer.json<{ id: number; key: string }>();
    const ear = await connect(key);
    await createPlatform(ada, backends.secrets);
    await ear.event(ofType('platform.created'));
    await ada.client.delete(`/v1/api-keys/${id}`);
    expect((await ear.sign('closing', 30_000)).data).toEqual({ code: 'unauthenticated' });
    await ear.sign('disconnect');
  });

  it('misses nothing of what changes while it connects', async () => {
    const ada = await newPerson();
    const { id } = await createPlatform(ada, backends.secrets);
    await backends.published();
    const keeper = await connect(ada.accessToken);
    let writing = true;
    const writer = (async () => {
      let n = 0;
      for (; writing; n++) {
        await backends.rows('UPDATE platform_connections SET name = $1 WHERE id = $2', [`name ${n}`, id]);
      }
      return n;
    })();
    const pieces: number[] = [];
    let lastEventId = keeper.lastEventId;
    for (let round = 0; round < 20; round++) {
      const ear = await connect(ada.accessToken, lastEventId);
      const wanted = 1 + (round % 4) * 5;
      await ear.until(() => ear.events.length >= wanted, 'some events');
      await ear.close();
      pieces.push(...ear.ids);
      lastEventId = ear.events.at(-1)?.eventId;
    }
    writing = false;
    const written = await writer;
    const last = await connect(ada.accessToken, lastEventId);
    await keeper.until(() => keeper.events.length >= written, 'all events');
    await last.until(() => pieces.length + last.events.length >= written, 'the last events');
    expect([...pieces, ...last.ids]).toEqual(keeper.ids);
    expect(keeper.ids).toHaveLength(written);
  });
});

describe('an event', () => {
  it('whose transaction began earlier and commits later is not passed over', async () => {
    const ada = await newPerson();
    const [early, late] = [
      await createPlatform(ada, backends.secrets),
      await createPlatform(ada, backends.secrets),
    ];
    await backends.published();
    const ear = await listen(ada.accessToken);
    const rename = 'UPDATE platform_connections SET name = $1 WHERE id = $2';
    const slow = await backends.sql.connect();
    try {
      await slow.query('BEGIN');
      await slow.query(rename, ['early', early.id]);
      await backends.rows(rename, ['late', late.id]);
      const seen = await ear.event(({ platform }) => platform?.name === 'late');
      await slow.query('COMMIT');
      await ear.event(({ platform }) => platform?.name === 'early');
      const rows = await backends.rows<{ platform: number }>(
        `SELECT platform_id AS platform FROM platform_changes WHERE user_id = $1 AND type = 'platform.updated' ORDER BY id`,
        [ada.id],
      );
      // Otherwise this shows nothing.
      expect(rows.map(({ platform }) => platform)).toEqual([early.id, late.id]);
      const again = await listen(ada.accessToken, seen.eventId);
      expect((await again.event(() => true)).platform?.name).toBe('early');
    } finally {
      slow.release();
    }
  });

  it('is not made of a rotation of the keys, nor of being used', async () => {
    const ada = await newPerson();
    const { id } = await createPlatform(ada, backends.secrets);
    await backends.published();
    const ear = await listen(ada.accessToken);
    const client = await backends.sql.connect();
    await client.query(`BEGIN; SELECT set_config('platform_manager.rewrap', 'on', true)`);
    await client.query(`UPDATE platform_connections SET key_id = 'other' WHERE id = $1`, [id]);
    await client.query('COMMIT');
    client.release();
    await backends.rows('UPDATE platform_connections SET last_used = now() WHERE id = $1', [id]);
    await ada.client.delete(`/v1/platforms/${id}`);
    await ear.event(ofType('platform.deleted'));
    expect(ear.events.map(({ type }) => type)).toEqual(['platform.deleted']);
  });

  it('that is older than a day is forgotten, and who asks for what came after it is told to load anew', async () => {
    const ada = await newPerson();
    const ear = await listen(ada.accessToken);
    const { id } = await createPlatform(ada, backends.secrets);
    const { eventId } = await ear.event(ofType('platform.created'));
    await ada.client.patch(`/v1/platforms/${id}`, { name: 'missed' });
    const missed = await ear.event(ofType('platform.updated'));
    await backends.settled();
    await backends.rows(`UPDATE platform_changes SET at = now() - interval '25 hours' WHERE user_id = $1`, [
      ada.id,
    ]);
    // It is cleaned up when a process starts, then once a minute.
    const other = await startTestApp({ backends });
    await waitUntil(
      async () =>
        (await backends.rows('SELECT 1 FROM platform_changes WHERE event_id = $1', [missed.eventId]))
          .length === 0,
      { timeoutMs: 30_000, what: 'the clean-up' },
    );
    await other.app.close();
    for (const connect of [listen, stream]) {
      expect((await (await connect(ada.accessToken, eventId)).sign('reset')).data).toEqual({
        lastEventId: expect.any(Number),
      });
      // An id that this database never gave out.
      await (await connect(ada.accessToken, 1_000_000_000)).sign('reset');
      const current = await connect(ada.accessToken, ear.lastEventId);
      expect(current.signs.map(({ name }) => name)).not.toContain('reset');
      for (const listener of open.splice(0)) await listener.close();
    }
  });
});

it('every message so far was as docs/asyncapi.json says, and its connection is the one of openapi.json', async () => {
  // First, for looking at all those messages takes this process, and so the server in it, seconds.
  const { schemas } = (await readOpenApi(app)).components;
  expect(backends.exchanges.filter(({ method }) => method === 'EVENT').length).toBeGreaterThan(100);
  expect(undocumentedMessages(backends.exchanges)).toEqual([]);
  const { Platform } = asyncApi.components.schemas;
  expect(Object.keys(Platform?.properties ?? {})).toEqual(Object.keys(schemas.PlatformDto?.properties ?? {}));
  expect(Platform?.properties?.status?.enum).toEqual(schemas.PlatformStatus?.enum);
});

describe('a client', () => {
  it('that connects more often than it may is refused, and so is an address', async () => {
    const ada = await newPerson();
    const env = {
      RATE_LIMIT_ENABLED: 'true',
      RATE_LIMIT_USER_PER_MINUTE: '2',
      RATE_LIMIT_ADDRESS_PER_MINUTE: '5',
    };
    const other = await startTestApp({ backends, env });
    const attempt = () => {
      const listener = new SocketListener(other.baseUrl, { token: ada.accessToken });
      open.push(listener);
      return listener;
    };
    for (let n = 0; n < 2; n++) await attempt().sign('ready');
    expect((await attempt().sign('connect_error')).data).toEqual({
      code: 'rate_limited',
      retryAfterSeconds: expect.any(Number),
    });
    for (let n = 0; n < 2; n++) await attempt().sign('connect_error');
    // Before there is a connection that could say why.
    expect((await attempt().sign('connect_error')).data).toBeInstanceOf(Error);
    await other.app.close();
  });

  it('is refused as a request with its token would be', async () => {
    const ada = await newPerson();
    const expired = await signAccessToken(backends, ada.id, { expiresInSeconds: -10 });
    const foreign = await signAccessToken(backends, ada.id, { secret: 'x'.repeat(48) });
    const scopeless = await ada.client.post('/v1/api-keys', { name: 'w', scopes: ['activities:write'] });
    const { key } = scopeless.json<{ key: string }>();
    for (const auth of [
      {},
      { token: 5 },
      { token: '' },
      { token: 'x'.repeat(9000) },
      { token: expired },
      { token: foreign },
    ]) {
      expect(await refusal(auth)).toEqual({ code: 'unauthenticated' });
    }
    expect(await refusal({ token: key })).toEqual({ code: 'forbidden' });
    for (const lastEventId of [-1, 1.5, 'x', '1e3', {}, '9'.repeat(17)]) {
      expect(await refusal({ token: ada.accessToken, lastEventId })).toEqual({ code: 'validation_failed' });
    }
    const root = new SocketListener(app.baseUrl.replace('/events', ''), { token: ada.accessToken });
    open.push(root);
    await root.sign('ready');
    const other = new SocketListener(`${app.baseUrl}/x`, { token: ada.accessToken });
    open.push(other);
    await other.sign('connect_error');
    for (const id of ['x', '-1', '1e3']) {
      expectProblem(await ada.client.get('/v1/events', { 'Last-Event-ID': id }), 400, 'validation_failed');
    }
  });

  it('may also poll, and comes from an allowed origin or from no page at all', async () => {
    const ada = await newPerson();
    const polling = { transports: ['polling'] };
    const ear = await SocketListener.connect(app.baseUrl, { token: ada.accessToken, client: polling });
    open.push(ear);
    await createPlatform(ada, backends.secrets);
    await ear.event(ofType('platform.created'));

    const from = (origin: string) => ({ extraHeaders: { Origin: origin } });
    for (const origin of ['https://app.example.org', app.baseUrl]) {
      const client = { ...from(origin), transports: ['websocket'] };
      open.push(await SocketListener.connect(app.baseUrl, { token: ada.accessToken, client }));
    }
    for (const transports of [['websocket'], ['polling']]) {
      await refusal({ token: ada.accessToken }, { ...from('https://evil.example'), transports });
    }
  });

  it('goes on with a new token that it sends before the old one expires, of the same user only', async () => {
    const [ada, bob] = [await newPerson(), await newPerson()];
    const ear = await listen(await signAccessToken(backends, ada.id, { expiresInSeconds: 7 }));
    const send = (message: unknown) => ear.socket.timeout(15_000).emitWithAck('authenticate', message);
    expect(await send({ token: bob.accessToken })).toEqual({ ok: false, code: 'forbidden' });
    expect(await send({ token: 'nonsense' })).toEqual({ ok: false, code: 'unauthenticated' });
    expect(await send('nonsense')).toEqual({ ok: false, code: 'unauthenticated' });
    expect(await send({ token: ada.accessToken })).toEqual({ ok: true });
    const shorter = await listen(await signAccessToken(backends, ada.id, { expiresInSeconds: 9 }));
    await shorter.sign('closing', 120_000);
    await createPlatform(ada, backends.secrets);
    await ear.event(ofType('platform.created'));
    expect(ear.signs.map(({ name }) => name)).toEqual(['ready']);
  });

  it('finds room for four of a user, and the fifth is refused', async () => {
    const ada = await newPerson();
    for (const connect of [listen, stream, listen, stream]) await connect(ada.accessToken);
    expect(await refusal({ token: ada.accessToken })).toEqual({
      code: 'too_many_event_clients',
      retryAfterSeconds: 30,
    });
    expectProblem(await ada.client.get('/v1/events'), 429, 'too_many_event_clients');
    await open.splice(0, 1)[0]?.close();
    await listen(ada.accessToken);
  });

  it('is told when the server stops, and the server does not wait for it', async () => {
    const ada = await newPerson();
    const other = await startTestApp({ backends });
    const [ear, strm] = [
      await SocketListener.connect(other.baseUrl, { token: ada.accessToken }),
      await StreamListener.connect(other.baseUrl, { token: ada.accessToken }),
    ];
    open.push(ear, strm);
    const started = performance.now();
    await other.app.close();
    // Nobody is waited for: what the clients leave open would be closed after a minute.
    expect(performance.now() - started).toBeLessThan(20_000);
    for (const { signs } of [ear, strm]) {
      expect(signs).toContainEqual({ name: 'closing', data: { code: 'shutdown' } });
    }
    // Not "io server disconnect", after which a client does not come back by itself.
    expect((await ear.sign('disconnect')).data).toBe('transport close');
    await strm.sign('disconnect');
  });

  it('that leaves at once leaves nothing behind', async () => {
    const ada = await newPerson();
    const { key } = (
      await ada.client.post('/v1/api-keys', { name: 'short', scopes: ['platforms:read'] })
    ).json<{ key: string }>();
    const { hostname, port } = new URL(app.baseUrl);
    for (let n = 0; n < 60; n++) {
      const socket = connect(Number(port), hostname);
      await once(socket, 'connect');
      socket.write(`GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n\r\n`);
      if (n % 2 === 0) await setImmediate();
      socket.destroy();
      const left = new SocketListener(app.baseUrl, { token: key });
      if (n % 2 === 0) await setImmediate();
      left.close();
    }
    const none = async () => {
      const { text } = await app.client.get('/metrics');
      return /^events_clients\{transport="socketio"\} 0\nevents_clients\{transport="sse"\} 0$/m.test(text);
    };
    await waitUntil(none, { timeoutMs: 30_000, what: 'nobody to listen', intervalMs: 50 });
  });

  it('that takes nothing gets no queue, is sent away, and resumes from what it has seen', async () => {
    const EVENTS = 30_000;
    const [user] = await insertUsers(backends, 1);
    await backends.published();
    const token = await signAccessToken(backends, user?.id ?? 0);
    const ear = await listen(token);
    const strm = await fetch(`${app.baseUrl}/v1/events`, { headers: { Authorization: `Bearer ${token}` } });
    const engine = ear.socket.io.engine as unknown as {
      transport: { ws: { _socket: { pause(): void; resume(): void } } };
    };
    engine.transport.ws._socket.pause();
    await backends.rows(
      `INSERT INTO platform_changes (user_id, platform_id, type, drained_at)
       SELECT $1, $2, 'platform.updated', now() FROM generate_series(1, $3::integer)`,
      [user?.id, user?.platformId, EVENTS],
    );
    const slow = async (): Promise<number> => {
      const { text } = await app.client.get('/metrics');
      return Number(/^events_dropped_clients_total\{reason="slow"\} (\d+)$/m.exec(text)?.[1] ?? 0);
    };
    await waitUntil(async () => (await slow()) === 2, {
      timeoutMs: 90_000,
      what: 'both to be sent away',
      intervalMs: 200,
    });
    engine.transport.ws._socket.resume();
    await ear.sign('disconnect');
    // What had left before is all that was ever in memory or on its way.
    expect(ear.events.length).toBeLessThan(EVENTS);
    await strm.body?.cancel().catch(() => undefined);

    const again = await listen(token, ear.lastEventId);
    await again.until(() => ear.events.length + again.events.length >= EVENTS, 'the rest', 120_000);
    const ids = [...ear.ids, ...again.ids];
    expect(ids).toEqual(Array.from({ length: EVENTS }, (_, index) => (ids[0] ?? 0) + index));
  }, 240_000);
});
