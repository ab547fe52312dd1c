import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { SocketListener, StreamListener } from '../../support/event-listener.js';
import { type Person, createPlatform, register, signAccessToken } from '../../support/factories.js';
import { insertUsers } from '../../support/insert-users.js';
import { Listeners } from '../../support/listeners.js';
import { expectProblem } from '../../support/problems.js';

let backends: Backends;
let app: TestApp;
let ears: Listeners;

beforeAll(async () => {
  backends = await Backends.create();
  app = await startTestApp({
    backends,
    env: { CORS_ORIGINS: 'https://app.example.org', EVENTS_MAX_CLIENTS_PER_USER: '4' },
  });
  ears = new Listeners(app.baseUrl, backends.exchanges);
});
afterEach(() => ears.closeAll());
afterAll(async () => {
  await app.expectCleanRecord();
  await app.close();
  await backends.remove();
});

const newPerson = (): Promise<Person> => register(app.client, backends.secrets);

describe('a client', () => {
  it('that connects more often than it may is refused, and so is an address', async () => {
    const ada = await newPerson();
    const env = {
      RATE_LIMIT_ENABLED: 'true',
      RATE_LIMIT_USER_PER_MINUTE: '2',
      RATE_LIMIT_ADDRESS_PER_MINUTE: '5',
    };
    const other = await startTestApp({ backends, env });
    const attempt = () => ears.add(new SocketListener(other.baseUrl, { token: ada.accessToken }));
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
      expect(await ears.refusal(auth)).toEqual({ code: 'unauthenticated' });
    }
    expect(await ears.refusal({ token: key })).toEqual({ code: 'forbidden' });
    for (const lastEventId of [-1, 1.5, 'x', '1e3', {}, '9'.repeat(17)]) {
      expect(await ears.refusal({ token: ada.accessToken, lastEventId })).toEqual({
        code: 'validation_failed',
      });
    }
    const elsewhere = new SocketListener(`${app.baseUrl}/x`, { token: ada.accessToken });
    await ears.add(elsewhere).sign('connect_error');
    for (const id of ['x', '-1', '1e3']) {
      expectProblem(await ada.client.get('/v1/events', { 'Last-Event-ID': id }), 400, 'validation_failed');
    }
  });

  it('may also poll, and comes from an allowed origin or from no page at all', async () => {
    const ada = await newPerson();
    const polling = { transports: ['polling'] };
    const ear = await SocketListener.connect(app.baseUrl, { token: ada.accessToken, client: polling });
    ears.add(ear);
    await createPlatform(ada, backends.secrets);
    await ear.event(({ type }) => type === 'platform.created');

    const from = (origin: string) => ({ extraHeaders: { Origin: origin } });
    for (const origin of ['https://app.example.org', app.baseUrl]) {
      const client = { ...from(origin), transports: ['websocket'] };
      ears.add(await SocketListener.connect(app.baseUrl, { token: ada.accessToken, client }));
    }
    for (const transports of [['websocket'], ['polling']]) {
      await ears.refusal({ token: ada.accessToken }, { ...from('https://evil.example'), transports });
    }
  });

  it('goes on with a new token that it sends before the old one expires, of the same user only', async () => {
    const [ada, bob] = [await newPerson(), await newPerson()];
    const ear = await ears.socket(await signAccessToken(backends, ada.id, { expiresInSeconds: 7 }));
    const send = (message: unknown) => ear.socket.timeout(15_000).emitWithAck('authenticate', message);
    expect(await send({ token: bob.accessToken })).toEqual({ ok: false, code: 'forbidden' });
    expect(await send({ token: 'nonsense' })).toEqual({ ok: false, code: 'unauthenticated' });
    expect(await send('nonsense')).toEqual({ ok: false, code: 'unauthenticated' });
    expect(await send({ token: ada.accessToken })).toEqual({ ok: true });
    const shorter = await ears.socket(await signAccessToken(backends, ada.id, { expiresInSeconds: 9 }));
    await shorter.sign('closing', 120_000);
    await createPlatform(ada, backends.secrets);
    await ear.event(({ type }) => type === 'platform.created');
    expect(ear.signs.map(({ name }) => name)).toEqual(['ready']);
  });

  it('finds room for four of a user, and the fifth is refused', async () => {
    const ada = await newPerson();
    const first = await ears.socket(ada.accessToken);
    for (const listen of [ears.stream, ears.socket, ears.stream]) await listen(ada.accessToken);
    expect(await ears.refusal({ token: ada.accessToken })).toEqual({
      code: 'too_many_event_clients',
      retryAfterSeconds: 30,
    });
    expectProblem(await ada.client.get('/v1/events'), 429, 'too_many_event_clients');
    await ears.close(first);
    await ears.socket(ada.accessToken);
  });

  it('is told when the server stops, and the server does not wait for it', async () => {
    const ada = await newPerson();
    const other = await startTestApp({ backends });
    const [ear, strm] = [
      await SocketListener.connect(other.baseUrl, { token: ada.accessToken }),
      await StreamListener.connect(other.baseUrl, { token: ada.accessToken }),
    ];
    ears.add(ear);
    ears.add(strm);
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
    const ear = await ears.socket(token);
    const strm = await fetch(`${app.baseUrl}/v1/events`, { headers: { Authorization: `Bearer ${token}` } });
    const engine = ear.socket.io.engine as unknown as {
      transport: { ws: { _socket: { pause(): void; resume(): void } } };
    };
    // Kept: if this takes long, the client has missed pings and let go of it.
    const { _socket: socket } = engine.transport.ws;
    socket.pause();
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
    socket.resume();
    await ear.sign('disconnect');
    // What had left before is all that was ever in memory or on its way.
    expect(ear.events.length).toBeLessThan(EVENTS);
    await strm.body?.cancel().catch(() => undefined);

    // Not live before it has all of them.
    const again = ears.open({ token, lastEventId: ear.lastEventId });
    await again.until(() => ear.events.length + again.events.length >= EVENTS, 'the rest', 120_000);
    const ids = [...ear.ids, ...again.ids];
    expect(ids).toEqual(Array.from({ length: EVENTS }, (_, index) => (ids[0] ?? 0) + index));
  }, 240_000);
});
