import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WarmUpService } from '../../../src/admin/warm-up.service.js';
import { startTestApp, type TestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { insertUsers } from '../../support/insert-users.js';
import { StatementCounter } from '../../support/statements.js';

const USERS = 30;

describe('warming', () => {
  let backends: Backends;
  let apps: TestApp[];
  let counter: StatementCounter;

  beforeAll(async () => {
    backends = await Backends.create();
    apps = [await startTestApp({ backends }), await startTestApp({ backends })];
    counter = await StatementCounter.install(backends);
    await insertUsers(backends, USERS);
    await backends.settled();
  }, 120_000);

  afterAll(async () => {
    await apps[0]?.expectCleanRecord();
    await Promise.all(apps.map(({ app }) => app.close()));
    await backends.remove();
  });

  it('fills the list and each connection of every user, each once, however many processes share the work', async () => {
    await counter.reset();
    const runs = await Promise.all(apps.map(({ app }) => app.get(WarmUpService).run(USERS)));

    expect(runs.map(({ done, total }) => [done, total])).toEqual([
      [USERS, USERS],
      [USERS, USERS],
    ]);
    expect(runs.reduce((sum, { filled }) => sum + filled, 0)).toBe(2 * USERS);
    expect(await backends.redis.keys('user_platforms:*')).toHaveLength(USERS);
    expect(await backends.redis.keys('platform:*')).toHaveLength(USERS);
    // One for each entry, and each process has asked who was active.
    expect(await counter.platformSelects()).toBe(2 * USERS + apps.length);
  });

  it('finds nothing to do when everything is cached', async () => {
    const [app] = apps;
    await counter.reset();
    expect((await app?.app.get(WarmUpService).run(USERS))?.filled).toBe(0);
    expect(await counter.platformSelects()).toBe(1);
  });

  it('runs by itself after a start, and says in the log what it did', async () => {
    await backends.redis.flushDb();
    const app = await startTestApp({ backends, env: { CACHE_WARM_USERS: '10', LOG_LEVEL: 'info' } });
    await waitUntil(() => app.logLines.some((line) => line.includes('Warmed 10 users')), {
      timeoutMs: 30_000,
      what: 'the warm-up',
    });
    expect(await backends.redis.keys('user_platforms:*')).toHaveLength(10);
    await app.app.close();
  });
});
