import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { waitUntil } from '../support/barrier.js';
import { expectBestRound } from '../support/best-round.js';
import { FaultDeployment } from '../support/fault-deployment.js';
import { versionIn } from '../support/fault-history.js';
import type { FaultProcess } from '../support/fault-process.js';
import type { InsertedUser } from '../support/insert-users.js';
import { isHit, note, tally } from '../support/load.js';

const SEEN_WITHIN_MS = 1000;

let deployment: FaultDeployment;
let processes: FaultProcess[];

beforeAll(async () => {
  deployment = await FaultDeployment.start();
  processes = await Promise.all([deployment.startProcess(), deployment.startProcess()]);
}, 180_000);
afterAll(() => deployment.remove(), 120_000);

async function warmUser(): Promise<InsertedUser> {
  const [user] = await deployment.insertUsers(1);
  if (user === undefined) throw new Error('No user was inserted');
  for (const process of processes) await process.warm([user]);
  return user;
}

describe('SQL by an operator', () => {
  const statements: [string, string, (list: unknown[], status: number) => boolean][] = [
    [
      'an UPDATE',
      `UPDATE platform_connections SET name = 'by hand' WHERE user_id = $1`,
      ([first]) => (first as { name: string } | undefined)?.name === 'by hand',
    ],
    [
      'an INSERT',
      `INSERT INTO platform_connections (user_id, name, platform_type, instance_url, access_token, key_id)
       VALUES ($1, 'second', 'mastodon', 'https://second.example', 'x', 'x')`,
      ({ length }) => length === 2,
    ],
    ['a DELETE', 'DELETE FROM platform_connections WHERE user_id = $1', ({ length }) => length === 0],
    // Their session goes with them, and is seen to be gone after the list or before it.
    [
      'a DELETE of the user',
      'DELETE FROM users WHERE id = $1',
      ({ length }, status) => length === 0 || status === 401,
    ],
  ];
  it.each(statements)('%s is seen by every process within a second', (_name, sql, shows) =>
    expectBestRound(async () => {
      const user = await warmUser();
      await deployment.backends.sql.query(sql, [user.id]);
      const since = performance.now();
      const isSeenBy = async (process: FaultProcess): Promise<boolean> => {
        const { status, text } = await process.list(user);
        return shows(JSON.parse(text) as unknown[], status);
      };
      await Promise.all(
        processes.map((process) =>
          waitUntil(() => isSeenBy(process), { timeoutMs: 15_000, what: 'the change to be seen' }),
        ),
      );
      return [{ what: 'ms until it is seen', value: performance.now() - since, limit: SEEN_WITHIN_MS }];
    }),
  );

  it('is seen also while the entries of 100,000 changes before it are still to be dropped', async () => {
    const user = await warmUser();
    const [many] = await deployment.insertUsers(1);
    // Of a kind that nobody is told of. Each is of a connection of its own, and so has keys of its own.
    await deployment.backends.sql.query(
      `WITH many AS (
         INSERT INTO platform_changes (user_id, platform_id, type)
         SELECT $1::integer, -n, 'keys.rotated' FROM generate_series(1, 100000) AS n
       )
       UPDATE platform_connections SET name = 'last' WHERE id = $2`,
      [many?.id, user.platformId],
    );
    const shows = async (process: FaultProcess) => (await process.list(user)).text.includes('"name":"last"');
    await Promise.all(
      processes.map((process) =>
        waitUntil(() => shows(process), { timeoutMs: 60_000, what: 'the change to be seen' }),
      ),
    );
    const ahead = await deployment.backends.rows(
      'SELECT 1 FROM platform_changes WHERE user_id = $1 AND drained_at IS NULL LIMIT 1',
      [many?.id],
    );
    await deployment.backends.sql.query('DELETE FROM platform_changes WHERE user_id = $1', [many?.id]);
    expect(ahead).toHaveLength(1);
  }, 120_000);

  it('that only notes when a connection was used drops nothing and leaves no row in the outbox', async () => {
    const user = await warmUser();
    const changes = (): Promise<unknown[]> =>
      deployment.backends.rows('SELECT id FROM platform_changes WHERE user_id = $1', [user.id]);
    const before = await changes();
    await deployment.backends.sql.query(
      'UPDATE platform_connections SET last_used = now() WHERE user_id = $1',
      [user.id],
    );
    // What changes after it is drained after it.
    const [other] = await deployment.insertUsers(1);
    if (other === undefined) throw new Error('No user was inserted');
    const replies = await Promise.all(processes.flatMap((one) => [one.list(user), one.one(user)]));
    expect(replies.filter(isHit)).toHaveLength(replies.length);
    expect(await changes()).toEqual(before);
  });
});

it('what was drained more than a day ago is deleted, in batches; the rest stays for those who missed it', async () => {
  await deployment.backends.sql.query(
    `INSERT INTO platform_changes (user_id, platform_id, type, at, drained_at)
     SELECT -n, -n, 'platform.updated', now() - age, now() - age
     FROM generate_series(1, 12000) AS n, LATERAL (SELECT CASE WHEN n <= 11990 THEN interval '25 hours' ELSE '23 hours' END)
       AS given (age)`,
  );
  // Cleaned up when a process starts, then once a minute.
  await deployment.startProcess();
  const kept = async (): Promise<number> =>
    Number(
      (
        await deployment.backends.rows<{ n: string }>(
          'SELECT count(*) AS n FROM platform_changes WHERE user_id < 0',
        )
      )[0]?.n,
    );
  await waitUntil(async () => (await kept()) <= 10, {
    timeoutMs: 30_000,
    what: 'old rows to be deleted',
    intervalMs: 100,
  });
  expect(await kept()).toBe(10);
}, 120_000);

describe('a Redis that comes back with what it knew a while ago', () => {
  const CHANGES = 200_000;
  const KEYS_EACH = 3;

  it(`after ${CHANGES} changes of few connections, has each key dropped once, and nothing it brings back is read`, async () => {
    const users = await deployment.insertUsers(50);
    // All at one time, and of a kind that nobody is told of.
    await deployment.backends.sql.query(
      `INSERT INTO platform_changes (user_id, platform_id, type, at, drained_at)
       SELECT given.user_id, given.id, 'keys.rotated', now(), now()
       FROM generate_series(1, $1::integer), platform_connections AS given WHERE given.id = ANY($2::integer[])`,
      [CHANGES / users.length, users.map(({ platformId }) => platformId)],
    );
    for (const process of processes) await process.warm(users);
    await deployment.backends.redis.sendCommand(['SAVE']);
    const written = await Promise.all(
      users.map((user) => (processes[0] as FaultProcess).rename(user, 'new')),
    );
    expect(written.map(versionIn)).toEqual(users.map(() => 2));
    await deployment.backends.settled();

    await deployment.redis.kill();
    await deployment.redis.start();
    const since = performance.now();
    await deployment.whenReady();
    note(`${Math.round(performance.now() - since)} ms until cached values are read`);

    expect(await deployment.backends.redis.info('persistence')).toMatch(/^rdb_last_load_keys_loaded:[1-9]/m);
    const replies = await Promise.all(
      processes.flatMap((process) => users.flatMap((user) => [process.list(user), process.one(user)])),
    );
    expect(replies.map(versionIn)).toEqual(replies.map(() => 2));
    const [, drops] =
      /^cmdstat_del:calls=(\d+)/m.exec(await deployment.backends.redis.info('commandstats')) ?? [];
    // Of each process, and once more for one that had to begin again.
    expect(Number(drops)).toBeGreaterThanOrEqual(users.length * KEYS_EACH);
    expect(Number(drops)).toBeLessThan(2 * deployment.processes.length * users.length * KEYS_EACH);
  }, 120_000);
});

describe('the log during an outage', () => {
  const REQUESTS = 200;
  /** Of one process, from warnings up, while something is down and many ask. */
  async function linesDuring(fault: () => Promise<void>, end: () => Promise<void>): Promise<string[]> {
    const [process] = processes as [FaultProcess];
    const users = await deployment.insertUsers(REQUESTS);
    const before = process.api.output.length;
    await fault();
    const replies = [];
    for (let start = 0; start < users.length; start += 10) {
      replies.push(...(await Promise.all(users.slice(start, start + 10).map((user) => process.list(user)))));
    }
    await end();
    await deployment.whenReady();
    expect(Object.values(tally(replies.map(({ status }) => status)))).toEqual([REQUESTS]);
    return process.api.output.slice(before);
  }

  it('of Redis is one line', async () => {
    const lines = await linesDuring(
      () => deployment.redis.kill(),
      () => deployment.redis.start(),
    );
    expect(lines).toEqual([expect.stringContaining('Redis is not used until it answers')]);
  }, 180_000);

  it('of PostgreSQL is a line for each connection that is watched and none for a request', async () => {
    const lines = await linesDuring(
      () => deployment.postgres.kill(),
      () => deployment.postgres.start(),
    );
    expect(lines.length).toBeLessThanOrEqual(4);
  }, 180_000);
});
