import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { waitUntil } from '../support/barrier.js';
import { FaultDeployment } from '../support/fault-deployment.js';
import { versionIn } from '../support/fault-history.js';
import type { FaultProcess } from '../support/fault-process.js';
import type { InsertedUser } from '../support/insert-users.js';
import { isHit } from '../support/load.js';
import { valueIn } from '../support/sealed-entries.js';

const TEN_MEGABYTES = 10 * 1024 * 1024;

let deployment: FaultDeployment;
let here: FaultProcess;
let there: FaultProcess;
let ada: InsertedUser;
let bob: InsertedUser;

beforeAll(async () => {
  deployment = await FaultDeployment.start({ DATABASE_STATEMENT_TIMEOUT_MS: '30000' });
  [here, there] = await Promise.all([
    deployment.startProcess(),
    deployment.startProcess({ proxies: ['database'] }),
  ]);
}, 180_000);
beforeEach(async () => {
  [ada, bob] = (await deployment.insertUsers(2)) as [InsertedUser, InsertedUser];
  await here.warm([ada, bob]);
  await there.warm([ada, bob]);
});
afterAll(() => deployment.remove(), 120_000);

type Resource = 'user_platforms' | 'platform';

const keyOf = (resource: Resource, user: InsertedUser): string =>
  resource === 'platform' ? `platform:${user.platformId}` : `user_platforms:${user.id}`;

const read = (process: FaultProcess, resource: Resource, user: InsertedUser) =>
  resource === 'platform' ? process.one(user) : process.list(user);

const corruptReads = (process: FaultProcess, resource: Resource): Promise<number> =>
  process.metric(`platform_cache_requests_total{resource="${resource}",outcome="corrupt"}`);

async function entry(resource: Resource, user: InsertedUser): Promise<string> {
  const raw = await deployment.backends.redis.get(keyOf(resource, user));
  if (raw === null) throw new Error('There is no entry');
  return raw;
}

const put = (resource: Resource, user: InsertedUser, raw: string): Promise<unknown> =>
  deployment.backends.redis.set(keyOf(resource, user), raw, { expiration: 'KEEPTTL' });

const damages: [string, (resource: Resource) => Promise<unknown>][] = [
  ['cut off', async (resource) => put(resource, ada, (await entry(resource, ada)).slice(0, -5))],
  ['of another shape', (resource) => put(resource, ada, '{"id":1}')],
  [
    'of the wrong type',
    async (resource) => {
      await deployment.backends.redis.del(keyOf(resource, ada));
      await deployment.backends.redis.hSet(keyOf(resource, ada), 'field', 'value');
    },
  ],
  [
    'swapped between two users',
    async (resource) => {
      const [hers, his] = [await entry(resource, ada), await entry(resource, bob)];
      await put(resource, ada, his);
      await put(resource, bob, hers);
    },
  ],
  ['ten megabytes of letters', (resource) => put(resource, ada, 'x'.repeat(TEN_MEGABYTES))],
  [
    'ten megabytes of what would be right without the spaces',
    async (resource) => put(resource, ada, (await entry(resource, ada)) + ' '.repeat(TEN_MEGABYTES)),
  ],
];
const cases = damages.flatMap(([name, damage]) =>
  (['user_platforms', 'platform'] as const).map((resource) => [name, resource, damage] as const),
);

describe.each(cases)('an entry %s (%s)', (_name, resource, damage) => {
  it('is a miss once, healed, counted, and the user sees the own data on both processes', async () => {
    for (const [first, second] of [
      [here, there],
      [there, here],
    ] as const) {
      const right = valueIn(await entry(resource, ada));
      const answer = (await read(first, resource, ada)).text;
      const counted = await corruptReads(first, resource);
      await damage(resource);

      const reply = await read(first, resource, ada);
      expect([reply.status, reply.text]).toEqual([200, answer]);
      expect(reply.cacheStatus).toBe('platform-manager; fwd=miss; stored; detail=corrupt');
      expect(await corruptReads(first, resource)).toBe(counted + 1);
      expect(valueIn(await entry(resource, ada))).toBe(right);
      const next = await read(second, resource, ada);
      expect([next.text, isHit(next)]).toEqual([answer, true]);

      const other = await read(second, resource, bob);
      expect(JSON.stringify(JSON.parse(other.text))).toContain(`"userId":${bob.id},`);
      expect(await entry(resource, bob)).toContain(`"userId":${bob.id},`);
    }
  });
});

describe('a fill that is under way when its lease is lost', () => {
  const losses: [string, (key: string) => Promise<unknown>][] = [
    ['Redis is flushed', () => deployment.backends.redis.flushAll()],
    ['the lease alone is evicted', (key) => deployment.backends.redis.del(`lease:{${key}}`)],
  ];
  const sequels: [string, boolean][] = [
    ['and the other process has filled the new value', true],
    ['and nobody has filled it since', false],
  ];
  const both = losses.flatMap(([name, lose]) =>
    sequels.map(([sequel, refilled]) => [name, sequel, lose, refilled] as const),
  );

  /** A read for which PostgreSQL has answered with the old row, and the answer hangs on its way. */
  async function hangingList(key: string): Promise<{ late: ReturnType<FaultProcess['list']> }> {
    for (let attempt = 1; ; attempt++) {
      await deployment.backends.redis.flushAll();
      // So that it has connections to spare: it also asks for itself now and then, and can open none while replies hang.
      await Promise.all([ada, bob].flatMap((user) => [there.list(user), there.one(user)]));
      await deployment.backends.redis.del(key);
      await deployment.statements.reset();
      there.databaseLink.hangReplies();
      const late = there.list(ada);
      const asked = async (): Promise<boolean> => (await deployment.statements.platformSelects()) > 0;
      const wait = { timeoutMs: 4_000, what: 'the row to be read', intervalMs: 5 };
      try {
        await waitUntil(asked, wait);
        return { late };
      } catch (error) {
        // It had none to spare.
        there.databaseLink.resume();
        await late;
        if (attempt === 5) throw error;
      }
    }
  }

  it.each(both)('%s %s: nothing old is stored', async (_loss, _sequel, lose, refilled) => {
    const key = keyOf('user_platforms', ada);
    const { late } = await hangingList(key);
    expect(await deployment.backends.redis.exists(`lease:{${key}}`)).toBe(1);

    await lose(key);
    expect((await here.rename(ada, 'new')).status).toBe(200);
    // The relays drop once more what the writer has dropped itself.
    await deployment.backends.settled();
    if (refilled) expect(versionIn(await here.list(ada))).toBe(2);
    there.databaseLink.resume();

    // It was asked before the write, so the old row is a right answer, but no entry.
    const reply = await late;
    expect([reply.status, versionIn(reply), reply.cacheStatus]).toEqual([
      200,
      1,
      'platform-manager; fwd=miss',
    ]);
    expect(await deployment.staleKeys([ada])).toEqual([]);
    expect(await deployment.backends.redis.exists(key)).toBe(refilled ? 1 : 0);
    expect(versionIn(await there.list(ada))).toBe(2);
    expect(versionIn(await here.list(ada))).toBe(2);
  });
});
