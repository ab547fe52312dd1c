import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CacheService } from '../../../src/cache/cache.service.js';
import { AppConfig } from '../../../src/config/app-config.js';
import { userPlatformsSpec } from '../../../src/platforms/platform-cache.js';
import type { PlatformView } from '../../../src/platforms/platform-view.js';
import { PlatformsService } from '../../../src/platforms/platforms.service.js';
import { startTestApp, type TestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { deferred, waitUntil } from '../../support/barrier.js';
import { createPlatform, type Person, type PlatformJson, register } from '../../support/factories.js';
import type { TestResponse } from '../../support/http-client.js';
import { expectProblem } from '../../support/problems.js';

// Two apps on the same database and Redis: two processes of one deployment.
let backends: Backends;
let one: TestApp;
let two: TestApp;
let ada: Person;
let platform: PlatformJson;

beforeAll(async () => {
  backends = await Backends.create();
  one = await startTestApp({ backends, env: { DATABASE_STATEMENT_TIMEOUT_MS: '6000' } });
  two = await startTestApp({ backends });
});
beforeEach(async () => {
  ada = await register(one.client, backends.secrets);
  platform = await createPlatform(ada, backends.secrets, { name: 'old' });
});
afterAll(async () => {
  try {
    await one.expectCleanRecord();
  } finally {
    await one.app.close();
    await two.app.close();
    await backends.remove();
  }
});

const key = (): string => `user_platforms:${ada.id}`;
const at = (app: TestApp) => app.client.as(ada);
const names = (answer: TestResponse): string[] => answer.json<PlatformJson[]>().map(({ name }) => name);

/** A read of the list on `app` that has loaded from the database and is held before it stores. */
async function heldReader(app: TestApp) {
  const loaded = deferred();
  const gate = deferred();
  const spec = userPlatformsSpec(app.app.get(AppConfig).cache);
  const platforms = app.app.get(PlatformsService);
  const read = app.app.get(CacheService).read(spec, ada.id, async () => {
    const { value } = await platforms.listAll(ada.id); // a bypass: straight from the database
    loaded.resolve();
    await gate.promise;
    return value;
  });
  await loaded.promise;
  return { read, release: () => gate.resolve() };
}

describe('a reader that has loaded the old row while a writer updates and drops', () => {
  it.each([
    ['the same process', () => one],
    ['another process', () => two],
  ])('of %s never leaves it in Redis', async (_, writer) => {
    const held = await heldReader(one);
    expect((await at(writer()).patch(`/v1/platforms/${platform.id}`, { name: 'new' })).status).toBe(200);
    held.release();
    const { stored, value } = await held.read;
    expect([stored, value.map(({ name }) => name)]).toEqual([false, ['old']]);
    expect(await backends.redis.get(key())).toBeNull();
    expect(names(await at(one).get('/v1/platforms'))).toEqual(['new']);
    expect(names(await at(two).get('/v1/platforms'))).toEqual(['new']);
  });

  it('stores nothing when Redis was flushed meanwhile, for then its lease is gone', async () => {
    const held = await heldReader(one);
    await backends.redis.flushDb();
    held.release();
    expect(await held.read).toMatchObject({ stored: false });
    expect(await backends.redis.get(key())).toBeNull();
  });
});

describe('a read after an acknowledged write', () => {
  it('is never older, also when it arrives during a flight that has loaded before', async () => {
    const held = await heldReader(one);
    await at(two).patch(`/v1/platforms/${platform.id}`, { name: 'new' });
    const late = Array.from({ length: 20 }, () => at(one).get('/v1/platforms'));
    // They are answered on their own, or wait for the flight: let it land once they can have arrived.
    await at(one).get('/health/live');
    held.release();
    for (const answer of await Promise.all(late)) expect(names(answer)).toEqual(['new']);
    expect((await held.read).value[0]?.name).toBe('old');
  });

  it('is never older on either process while both read all the time', async () => {
    let stopped = false;
    let acknowledged = 0;
    const stale: string[] = [];
    const readers = [one, two, one, two].map(async (app) => {
      while (!stopped) {
        const floor = acknowledged;
        const [name = ''] = names(await at(app).get('/v1/platforms'));
        if (Number(name) < floor) stale.push(`${name} after ${floor}`);
      }
    });
    await at(one).patch(`/v1/platforms/${platform.id}`, { name: '0' });
    for (let version = 1; version <= 60; version++) {
      const writer = version % 2 === 0 ? one : two;
      await at(writer).patch(`/v1/platforms/${platform.id}`, { name: String(version) });
      acknowledged = version;
    }
    stopped = true;
    await Promise.all(readers);
    expect(stale).toEqual([]);
    for (const app of [one, two]) expect(names(await at(app).get('/v1/platforms'))).toEqual(['60']);
  });
});

describe('two concurrent switches of the default', () => {
  it('leave exactly one, in the database and in the lists of both processes', async () => {
    const others = [
      await createPlatform(ada, backends.secrets, { name: 'b' }),
      await createPlatform(ada, backends.secrets, { name: 'c' }),
    ];
    // "PLAT", the writers' lock: held until both wait for it, so that neither is done before the other begins.
    const gate = await backends.sql.connect();
    await gate.query('SELECT pg_advisory_lock(1347174740, $1)', [ada.id]);
    const switches = others.map(({ id }, index) =>
      at(index === 0 ? one : two).put(`/v1/platforms/${id}/default`),
    );
    const waiting = async (): Promise<boolean> => {
      const [row] = await backends.rows<{ count: number }>(
        `SELECT count(*)::integer AS count FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
      return row?.count === 2;
    };
    await waitUntil(waiting, { timeoutMs: 15_000, what: 'both switches to wait for the lock' });
    await gate.query('SELECT pg_advisory_unlock_all()');
    gate.release();
    for (const answer of await Promise.all(switches)) expect(answer.status).toBe(200);
    await expectOneDefault();
  });

  it('leave exactly one of ten connections when each is made the default at once, and a deletion beside it', async () => {
    const ten = [];
    for (let n = 0; n < 10; n++) ten.push(await createPlatform(ada, backends.secrets));
    const racing = ten.map(({ id }, index) =>
      at(index % 2 === 0 ? one : two).put(`/v1/platforms/${id}/default`),
    );
    racing.push(at(one).delete(`/v1/platforms/${platform.id}`));
    for (const { status } of await Promise.all(racing)) expect([200, 204]).toContain(status);
    await expectOneDefault();
  });

  it('let one of two simultaneous first connections be the default', async () => {
    const bob = await register(one.client, backends.secrets);
    const both = [one, two].map((app) => createPlatform({ client: app.client.as(bob) }, backends.secrets));
    expect((await Promise.all(both)).filter(({ isDefault }) => isDefault)).toHaveLength(1);
  });
});

async function expectOneDefault(): Promise<void> {
  const rows = await backends.rows<{ id: number }>(
    'SELECT id FROM platform_connections WHERE user_id = $1 AND is_default',
    [ada.id],
  );
  expect(rows).toHaveLength(1);
  for (const app of [one, two]) {
    const listed = (await at(app).get('/v1/platforms')).json<PlatformJson[]>();
    expect(listed.filter(({ isDefault }) => isDefault).map(({ id }) => id)).toEqual([rows[0]?.id]);
  }
}

describe('50 callers that miss the same key while the load fails', () => {
  it('all see the failure, nothing is cached, and the next read works', async () => {
    const cache = one.app.get(CacheService);
    const spec = userPlatformsSpec(one.app.get(AppConfig).cache);
    let loads = 0;
    const gate = deferred();
    const failing = async (): Promise<readonly PlatformView[]> => {
      loads++;
      await gate.promise;
      throw new Error('no rows today');
    };
    const callers = Array.from({ length: 50 }, () => cache.read(spec, ada.id, failing));
    gate.resolve();
    const outcomes = await Promise.allSettled(callers);
    expect(
      new Set(outcomes.map((outcome) => (outcome.status === 'rejected' ? String(outcome.reason) : ''))),
    ).toEqual(new Set(['Error: no rows today']));
    expect(loads).toBe(2); // the flight of the first caller, and the next one that the other 49 share
    expect(await backends.redis.exists([key(), `lease:{${key()}}`])).toBe(0);
    expect(names(await at(one).get('/v1/platforms'))).toEqual(['old']);
  });

  it('all get 503 with Retry-After over HTTP when PostgreSQL cancels it, and the next read works', async () => {
    const locker = await backends.sql.connect();
    await locker.query('BEGIN; LOCK TABLE platform_connections IN ACCESS EXCLUSIVE MODE');
    const callers = Array.from({ length: 50 }, () => at(one).get('/v1/platforms'));
    for (const answer of await Promise.all(callers)) {
      expectProblem(answer, 503, 'database_unavailable');
      expect(answer.header('retry-after')).toBe('1');
    }
    await locker.query('ROLLBACK');
    locker.release();
    expect(await backends.redis.exists([key(), `lease:{${key()}}`])).toBe(0);
    expect(names(await at(one).get('/v1/platforms'))).toEqual(['old']);
  });
});
