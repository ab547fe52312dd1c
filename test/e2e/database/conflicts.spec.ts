import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { EntityManager } from 'typeorm';
import { DatabaseUnavailable } from '../../../src/database/database-errors.js';
import { Database } from '../../../src/database/database.js';
import { startTestApp, type TestApp } from '../../support/app.js';
import { waitUntil } from '../../support/barrier.js';

describe('a transaction that PostgreSQL rolls back because of another one', () => {
  let app: TestApp;
  let database: Database;

  beforeAll(async () => {
    app = await startTestApp();
    database = app.app.get(Database);
    await app.backends.sql.query('CREATE TABLE counters (id integer PRIMARY KEY, count integer NOT NULL)');
    await app.backends.sql.query('INSERT INTO counters VALUES (1, 0), (2, 0)');
  });
  afterAll(() => app.close());

  const counts = async () =>
    (await app.backends.rows<{ count: number }>('SELECT count FROM counters ORDER BY id')).map(
      ({ count }) => count,
    );
  const raise = (id: number) => (manager: EntityManager) =>
    manager.query('UPDATE counters SET count = count + 1 WHERE id = $1', [id]);

  it('is repeated after a deadlock, and both count once', async () => {
    let inside = 0;
    const both = () => waitUntil(async () => inside >= 2, { timeoutMs: 20_000, what: 'both to be inside' });
    const crosswise = (first: number, second: number) =>
      database.transaction(async (manager) => {
        await raise(first)(manager);
        inside++;
        await both();
        await raise(second)(manager);
      });
    await Promise.all([crosswise(1, 2), crosswise(2, 1)]);
    expect(await counts()).toEqual([2, 2]);
    expect(inside).toBe(3);
  });

  it('is repeated a bounded number of times, then the answer is that of a database that is away', async () => {
    let runs = 0;
    const vain = database.transaction(async (manager) => {
      runs++;
      await raise(1)(manager);
      await manager.query(`DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$`);
    });
    await expect(vain).rejects.toBeInstanceOf(DatabaseUnavailable);
    expect(runs).toBe(5);
    expect(await counts()).toEqual([2, 2]);
  });
});
