import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { MIGRATIONS } from '../../../src/database/migrations/index.js';
import { deleteExpired } from '../../../src/outbox/outbox-queries.js';
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

it('what has expired is not removed while somebody has the numbers of events locked, and is not waited for', async () => {
  const [holder, relay] = [await backends.sql.connect(), await backends.sql.connect()];
  const remove = () =>
    deleteExpired(async (sql, parameters) => (await relay.query(sql, parameters)).rows as never, 10);
  const rows = async () => (await backends.rows('SELECT FROM platform_changes WHERE user_id = 4')).length;
  try {
    await change(4, 90_000);
    await drain(4);
    await publish(10);
    await backends.rows(`UPDATE event_handover SET event_id = (SELECT max(event_id) FROM platform_changes)`);
    await holder.query('BEGIN');
    await holder.query('SELECT FROM platform_event_position FOR UPDATE');
    await relay.query('BEGIN');
    await expect(remove()).rejects.toMatchObject({ code: '55P03' });
    await relay.query('ROLLBACK');
    expect(await rows()).toBe(1);
    await holder.query('ROLLBACK');
    await relay.query('BEGIN');
    expect(await remove()).toBe(1);
    await relay.query('COMMIT');
    expect(await rows()).toBe(0);
  } finally {
    holder.release(true);
    relay.release(true);
  }
});
