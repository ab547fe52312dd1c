import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { asyncApi, undocumentedMessages } from '../../support/asyncapi.js';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import type { EventJson } from '../../support/event-listener.js';
import { type Person, createPlatform, register, signAccessToken } from '../../support/factories.js';
import { Listeners } from '../../support/listeners.js';
import { readOpenApi } from '../../support/openapi.js';

let backends: Backends;
let app: TestApp;
let ears: Listeners;

beforeAll(async () => {
  backends = await Backends.create();
  app = await startTestApp({ backends });
  ears = new Listeners(app.baseUrl, backends.exchanges);
});
afterEach(() => ears.closeAll());
afterAll(async () => {
  await app.expectCleanRecord();
  await app.close();
  await backends.remove();
});

const newPerson = (): Promise<Person> => register(app.client, backends.secrets);
const ofType = (type: string) => (event: EventJson) => event.type === type;

describe.each([
  ['Socket.IO', 'socket'],
  ['server-sent events', 'stream'],
] as const)('%s', (_name, kind) => {
  const connect = (token: string, lastEventId?: number) => ears[kind](token, lastEventId);

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
    const ear = await ears.socket(ada.accessToken);
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
      const again = await ears.socket(ada.accessToken, seen.eventId);
      expect((await again.event(() => true)).platform?.name).toBe('early');
    } finally {
      slow.release();
    }
  });

  it('is not made of a rotation of the keys, nor of being used', async () => {
    const ada = await newPerson();
    const { id } = await createPlatform(ada, backends.secrets);
    await backends.published();
    const ear = await ears.socket(ada.accessToken);
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
    const ear = await ears.socket(ada.accessToken);
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
    for (const connect of [ears.socket, ears.stream]) {
      expect((await (await connect(ada.accessToken, eventId)).sign('reset')).data).toEqual({
        lastEventId: expect.any(Number),
      });
      // An id that this database never gave out.
      await (await connect(ada.accessToken, 1_000_000_000)).sign('reset');
      const current = await connect(ada.accessToken, ear.lastEventId);
      expect(current.signs.map(({ name }) => name)).not.toContain('reset');
      await ears.closeAll();
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
