import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { MIGRATIONS } from '../../../src/database/migrations/index.js';
import { Backends } from '../../support/backends.js';

let backends: Backends;

beforeAll(async () => {
  backends = await Backends.create({ empty: true });
  const dataSource = new DataSource({
    type: 'postgres',
    url: backends.databaseUrl,
    migrations: [...MIGRATIONS],
  });
  await dataSource.initialize();
  await dataSource.runMigrations().finally(() => dataSource.destroy());
});
afterAll(() => backends.remove());

const publish = async (...given: unknown[]): Promise<unknown> => {
  const parameters = given.map((_, index) => `$${index + 1}`).join(', ');
  const [row] = await backends.rows<{ n: number }>(
    `SELECT platform_changes_publish(${parameters}) AS n`,
    given,
  );
  return row?.n;
};
/** A change of so many seconds ago, as a transaction leaves it that has taken as long. */
const change = (userId: number, seconds: number): Promise<unknown> =>
  backends.rows(
    `INSERT INTO platform_changes (user_id, platform_id, type, at)
     VALUES ($1, $1, 'platform.updated', clock_timestamp() - make_interval(secs => $2))`,
    [userId, seconds],
  );
const drain = (userId: number): Promise<unknown> =>
  backends.rows('UPDATE platform_changes SET drained_at = clock_timestamp() WHERE user_id = $1', [userId]);

it('an event whose cached entries can be dropped is not told before they are, however old its statement is', async () => {
  await change(1, 10);
  expect(await publish(10, false)).toBe(0);
  await drain(1);
  expect(await publish(10, false)).toBe(1);
});

it('an event whose cached entries nobody can drop is told after two seconds', async () => {
  await change(2, 1);
  await change(3, 10);
  expect(await publish(10, true)).toBe(1);
  await drain(2);
  // As processes of the version before this one ask, while they are being replaced.
  expect(await publish(10)).toBe(1);
});
