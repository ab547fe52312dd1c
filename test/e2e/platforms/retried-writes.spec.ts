import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../../support/app.js';
import { waitUntil } from '../../support/barrier.js';
import {
  createPlatform,
  type Person,
  type PlatformJson,
  platformInput,
  register,
} from '../../support/factories.js';
import type { TestResponse } from '../../support/http-client.js';

let app: TestApp;
let ada: Person;
let first: PlatformJson;
let second: PlatformJson;

beforeAll(async () => {
  app = await startTestApp();
});
beforeEach(async () => {
  ada = await register(app.client, app.backends.secrets);
  first = await createPlatform(ada, app.backends.secrets, { name: 'first' });
  second = await createPlatform(ada, app.backends.secrets, { name: 'second' });
  await app.backends.settled();
});
afterAll(() => app.close());

/** The default in the list, and what each connection says of itself; null where there is none. */
async function shown(): Promise<unknown> {
  const list = (await ada.client.get('/v1/platforms')).json<PlatformJson[]>();
  const ones = await Promise.all(
    [first, second].map(async ({ id }) => {
      const answer = await ada.client.get(`/v1/platforms/${id}`);
      return answer.status === 200 ? answer.json<PlatformJson>().isDefault : null;
    }),
  );
  return { list: list.map(({ name, isDefault }) => [name, isDefault]), ones };
}

/** Commits what a process committed that died before it dropped the keys; no relay gets at its record meanwhile. */
async function afterTheCrash<T>(statements: readonly string[], retry: () => Promise<T>): Promise<T> {
  const [writer, locker] = [await app.backends.sql.connect(), await app.backends.sql.connect()];
  try {
    await writer.query('BEGIN');
    for (const sql of statements) await writer.query(sql);
    await locker.query('BEGIN');
    // Waits for the writer, and gets its turn before any relay.
    const locked = locker.query('LOCK TABLE platform_changes IN EXCLUSIVE MODE');
    await waitUntil(
      () =>
        app.backends
          .rows(
            `SELECT 1 FROM pg_locks WHERE mode = 'ExclusiveLock' AND NOT granted
               AND relation = 'platform_changes'::regclass`,
          )
          .then(({ length }) => length > 0),
      { timeoutMs: 5000, what: 'the lock to be asked for' },
    );
    await writer.query('COMMIT');
    await locked;
    return await retry();
  } finally {
    await locker.query('ROLLBACK');
    locker.release();
    writer.release();
  }
}

const switched = () => [
  `UPDATE platform_connections SET is_default = false WHERE id = ${first.id}`,
  `UPDATE platform_connections SET is_default = true WHERE id = ${second.id}`,
];
const SWITCHED = {
  list: [
    ['second', true],
    ['first', false],
  ],
  ones: [false, true],
};

describe('a write that is repeated because the process died between COMMIT and reply: what is read after the answer is not older', () => {
  const cases: [string, () => string[], () => Promise<TestResponse>, number, object][] = [
    ['PUT default', switched, () => ada.client.put(`/v1/platforms/${second.id}/default`), 200, SWITCHED],
    [
      'PATCH isDefault',
      switched,
      () => ada.client.patch(`/v1/platforms/${second.id}`, { isDefault: true }),
      200,
      SWITCHED,
    ],
    [
      'DELETE, which is told that it is gone',
      () => [`DELETE FROM platform_connections WHERE id = ${second.id}`],
      () => ada.client.delete(`/v1/platforms/${second.id}`),
      404,
      { list: [['first', true]], ones: [true, null] },
    ],
    [
      'DELETE with revoke, which is told that it is gone',
      () => [`DELETE FROM platform_connections WHERE id = ${second.id}`],
      () => ada.client.delete(`/v1/platforms/${second.id}?revoke=true`),
      404,
      { list: [['first', true]], ones: [true, null] },
    ],
    [
      'POST, which is told that the name is taken',
      () => [`UPDATE platform_connections SET name = 'third' WHERE id = ${second.id}`],
      () => ada.client.post('/v1/platforms', platformInput(app.backends.secrets, { name: 'third' })),
      409,
      {
        list: [
          ['first', true],
          ['third', false],
        ],
        ones: [true, false],
      },
    ],
  ];
  it.each(cases)('%s', async (_, statements, retry, status, expected) => {
    const before = await shown();
    const { answer, after } = await afterTheCrash(statements(), async () => {
      expect(await shown()).toEqual(before); // cached from before: what the retry has to end
      return { answer: await retry(), after: await shown() };
    });
    expect([answer.status, after]).toEqual([status, expected]);
  });
});
