import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { leaseKey } from '../../src/cache/lease-store.js';
import { createSingleClient } from '../../src/cache/redis/redis-client.js';
import type { Change } from '../../src/outbox/change.js';
import {
  type OutboxRow,
  backlog,
  changesSince,
  claimPending,
  markDrained,
  markDropped,
  newsSince,
  pendingUsers,
  publishEvents,
  OUTBOX_START,
} from '../../src/outbox/outbox-queries.js';
import type { Query } from '../../src/outbox/outbox-session.js';
import { type TestApp, startTestApp } from '../support/app.js';
import { register } from '../support/factories.js';
import { insertConnections } from '../support/insert-connections.js';
import { startRedis } from '../support/servers/redis.js';
import { SimulatedPostgres, type Transaction } from './simulated-postgres.js';
import { SimulatedRedis } from './simulated-redis.js';
import { World } from './world.js';

const TTL_MS = 600_000;

/** Of an error, its code. */
async function answerOf(ask: () => unknown): Promise<unknown> {
  try {
    return await ask();
  } catch (error) {
    return (error as Error).message.split(' ')[0];
  }
}

describe('the simulated servers say what the real ones say', () => {
  it('Redis, to 3,000 random commands, also while it refuses writes', async () => {
    const server = await startRedis();
    const real = createSingleClient(server.url());
    await real.connect();
    const simulated = new SimulatedRedis(() => 0);
    const random = new World(1);
    const expiration = { type: 'PX', value: TTL_MS } as const;
    type Ask = () => unknown;
    const commands: ((key: string, token: string, lease: string) => readonly [Ask, Ask])[] = [
      (key) => [() => real.getRange(key, 0, 9), () => simulated.get(key)?.slice(0, 10) ?? ''],
      (key, token) => [
        () => real.set(key, token, { expiration }),
        () => (simulated.set(key, token, TTL_MS), 'OK'),
      ],
      (_, token, lease) => [
        () => real.set(lease, token, { condition: 'NX', expiration }),
        () => simulated.setIfAbsent(lease, token, TTL_MS),
      ],
      (key, _, lease) => [() => real.del([key, lease]), () => simulated.del([key, lease])],
      (key, token, lease) => [
        () => real.acquire(key, lease, token, TTL_MS),
        () => simulated.acquire(key, lease, token, TTL_MS),
      ],
      (key, token, lease) => [
        () => real.storeLeased(key, lease, token, `value ${token}`, TTL_MS),
        () => simulated.storeLeased(key, lease, token, `value ${token}`, TTL_MS),
      ],
      (_, token, lease) => [
        () => real.releaseLease(lease, token).then(() => null),
        () => (simulated.releaseLease(lease, token), null),
      ],
      (key) => [async () => Math.sign(await real.pTTL(key)), () => Math.sign(simulated.pTTL(key))],
    ];
    let refused = false;
    for (let step = 0; step < 3000; step++) {
      if (step % 20 === 0) {
        simulated.refusesWrites = random.random('refusals') < 0.2;
        await real.configSet('min-replicas-to-write', simulated.refusesWrites ? '1' : '0');
      }
      const key = random.pick(['a', 'b'], 'keys');
      const command = random.pick(commands, 'commands');
      const [ask, say] = command(key, random.pick(['x', 'y'], 'tokens'), leaseKey(key));
      const expected = await answerOf(say);
      refused ||= expected === 'NOREPLICAS';
      expect({ step, answer: await answerOf(ask) }).toEqual({ step, answer: expected });
    }
    expect(refused).toBe(true);
    real.destroy();
    await server.remove();
  });
});

describe('the simulated outbox says what the real one says', () => {
  let app: TestApp;
  const sessions: pg.Client[] = [];
  /** By the platform ids of the simulation. */
  let ids: number[];
  let users: number[];

  beforeAll(async () => {
    app = await startTestApp();
    const { backends, client } = app;
    const people = await Promise.all([1, 2].map(() => register(client, backends.secrets)));
    users = people.map(({ id }) => id);
    const inputs = users.flatMap((userId) =>
      [1, 2].map(() => ({
        userId,
        instanceUrl: 'https://mastodon.example',
        accessToken: backends.secrets.make('token'),
      })),
    );
    ids = await insertConnections((text, values) => backends.rows(text, values), backends.keyRing, inputs);
    await backends.settled();
    await app.expectCleanRecord();
    // Its relay would drain what the test compares.
    await app.app.close();
    await backends.rows('DELETE FROM platform_changes');
    for (let index = 0; index < 2; index++) {
      const session = new pg.Client({ connectionString: backends.databaseUrl });
      await session.connect();
      sessions.push(session);
    }
  });
  afterAll(async () => {
    await Promise.all(sessions.map((session) => session.end()));
    await app.backends.remove();
  });

  it('to 1,500 random statements of two sessions', async () => {
    const random = new World(2);
    const simulated = new SimulatedPostgres(random);
    const started = performance.now();
    const tick = (): void => void (random.now = performance.now() - started);
    const real = sessions.map(
      (session): Query =>
        async (sql, parameters) =>
          (await session.query(sql, parameters)).rows as never,
    );
    const open: (Transaction | undefined)[] = [undefined, undefined];
    const claimed: [OutboxRow[], OutboxRow[]][] = [
      [[], []],
      [[], []],
    ];
    const transactions: { readonly real: string; readonly simulated: string; readonly platform: number }[] =
      [];
    /** What differs between the two on purpose: ids of connections and users, and times. */
    const plain = (changes: readonly Change[], isReal: boolean): string[] =>
      changes
        .map((change) => {
          const id = 'platformId' in change ? change.platformId : 0;
          return `${isReal ? ids.indexOf(id) : id} ${change.type}`;
        })
        .sort();

    for (let step = 0; step < 1500; step++) {
      tick();
      const at = random.between(0, 1, 'session');
      const query = real[at] as Query;
      const by = open[at];
      const other: Query = (sql, parameters = []) => simulated.run(sql, parameters, by) as never;
      const kind = random.pick(
        [
          'change',
          'change',
          'begin',
          'claim',
          'mark',
          'end',
          'end',
          'dropped',
          'publish',
          'look',
          'replay',
          'news',
        ],
        'kinds',
      );
      const answers = async (isReal: boolean): Promise<unknown> => {
        const ask = isReal ? query : other;
        switch (kind) {
          case 'claim': {
            if (by === undefined) return null;
            const rows = await claimPending(ask, 3, 0);
            claimed[at]?.[isReal ? 0 : 1].push(...rows);
            return plain(rows, isReal);
          }
          case 'mark':
            if (by === undefined) return null;
            return markDrained(ask, claimed[at]?.[isReal ? 0 : 1] ?? []);
          case 'dropped': {
            // Sees and locks rows: outside of a transaction, as the relay does it.
            if (by !== undefined) return null;
            const which = transactions.slice(-3);
            return markDropped(
              ask,
              which.map((one) => ({
                transactionId: isReal ? one.real : one.simulated,
                changes: [{ userId: 0, platformId: isReal ? (ids[one.platform] ?? 0) : one.platform }],
                atMs: isReal ? Date.now() : simulated.nowMs,
              })),
            );
          }
          case 'publish':
            return open.every((one) => one === undefined) ? publishEvents(ask, 2, false) : null;
          case 'look': {
            const { pending } = await backlog(ask);
            const mine = isReal ? users : [0, 1];
            const waiting = await pendingUsers(ask, mine);
            return [pending, mine.map((id) => waiting.has(id))];
          }
          case 'replay': {
            const page = await changesSince(ask, 3600, OUTBOX_START, 10_000);
            return [plain(page.changes, isReal), page.end];
          }
          case 'news': {
            const { dropped } = await newsSince(ask, null, 3600, 10_000);
            // A real connection has version 1 before its first change.
            const versions = dropped.map(({ version }) => (version ?? 0) - (isReal ? 1 : 0));
            return [
              plain(
                dropped.map(({ change }) => change),
                isReal,
              ),
              versions.sort((a, b) => a - b),
            ];
          }
          default:
            return null;
        }
      };
      if (kind === 'change') {
        const platform = random.between(0, 3, 'platforms');
        // A session with a transaction would hold the row's lock against the other.
        if (open.some((one) => one !== undefined)) continue;
        const [row] = await query<{ id: string }>(
          `UPDATE platform_connections SET name = name || 'x' WHERE id = $1 RETURNING pg_current_xact_id()::text AS id`,
          [ids[platform]],
        );
        const own = simulated.begin();
        const id = simulated.change(Math.floor(platform / 2), platform, own);
        own.commit();
        transactions.push({ real: row?.id ?? '', simulated: id, platform });
      } else if (kind === 'begin' && by === undefined) {
        await query('BEGIN');
        open[at] = simulated.begin();
      } else if (kind === 'end' && by !== undefined) {
        const how = random.pick(['COMMIT', 'ROLLBACK'], 'ends');
        await query(how);
        if (how === 'COMMIT') by.commit();
        else by.rollBack();
        open[at] = undefined;
        claimed[at] = [[], []];
      } else {
        expect({ step, kind, answer: await answers(true) }).toEqual({
          step,
          kind,
          answer: await answers(false),
        });
      }
    }
  });
});
