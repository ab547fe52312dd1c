import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { Database } from '../../../src/database/database.js';
import { poolOf } from '../../../src/database/pool.js';
import { type TestApp, startTestApp } from '../../support/app.js';
import { type Person, createPlatform, register } from '../../support/factories.js';
import { StatementCounter } from '../../support/statements.js';

let app: TestApp;
let ada: Person;

beforeAll(async () => {
  app = await startTestApp({ env: { DATABASE_POOL_MAX: '2' } });
  ada = await register(app.client, app.backends.secrets);
});
afterAll(() => app.close());

/** What each connection of the pool has prepared. */
async function prepared(): Promise<string[][]> {
  const pool = poolOf(app.app.get(DataSource));
  const clients = [await pool.connect(), await pool.connect()];
  try {
    return await Promise.all(
      clients.map(async (client) => {
        const { rows } = await client.query<{ statement: string }>(
          'SELECT statement FROM pg_prepared_statements',
        );
        return rows.map(({ statement }) => statement);
      }),
    );
  } finally {
    for (const client of clients) client.release();
  }
}

describe('a prepared statement', () => {
  it('is parsed once for each connection', async () => {
    for (let n = 0; n < 5; n++)
      await Promise.all([1, 2, 3, 4].map(() => createPlatform(ada, app.backends.secrets)));
    const sessions = await prepared();
    expect(sessions.flat()).toContainEqual(expect.stringContaining('INSERT INTO "platform_connections"'));
    for (const statements of sessions) {
      expect(new Set(statements).size).toBe(statements.length);
      for (const statement of statements) expect(statement).toMatch(/^\/\* prepared \*\/\s/);
    }
  });

  it('is prepared again when a migration has changed its columns, and no request fails', async () => {
    for (const change of ['ADD COLUMN later integer', 'DROP COLUMN later']) {
      await app.backends.rows(`ALTER TABLE platform_connections ${change}`);
      const created = await Promise.all([1, 2, 3, 4].map(() => createPlatform(ada, app.backends.secrets)));
      for (const { id } of created) {
        const changed = await ada.client.patch(`/v1/platforms/${id}`, { name: `changed ${id}` });
        expect(changed.json()).toMatchObject({ id, name: `changed ${id}` });
      }
    }
    await app.expectCleanRecord();
  });
});

describe('a transaction', () => {
  it('begins with its first statement: one that sends none costs nothing', async () => {
    const statements = await StatementCounter.install(app.backends);
    await app.app.get(Database).transaction(async () => {});
    expect(await statements.calls('^(START TRANSACTION|COMMIT)')).toBe(0);
  });

  it('that fails before its first statement leaves none behind', async () => {
    const database = app.app.get(Database);
    await app.backends.rows('CREATE TABLE kept (id integer)');
    const failing = [1, 2].map(() => database.transaction(() => Promise.reject(new Error('in vain'))));
    expect((await Promise.allSettled(failing)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await Promise.all([1, 2, 3].map((id) => database.statement('INSERT INTO kept VALUES ($1)', [id])));
    expect(await app.backends.rows('SELECT count(*)::integer AS count FROM kept')).toEqual([{ count: 3 }]);
  });

  it('is rolled back as a whole when a statement fails, the first one too', async () => {
    const database = app.app.get(Database);
    const failing = (...texts: string[]) =>
      database.transaction(async (manager) => {
        for (const text of texts) await manager.query(text);
      });
    await expect(failing('INSERT INTO kept VALUES (4)', 'SELECT 1 / 0')).rejects.toThrow('division by zero');
    await expect(failing('SELECT 1 / 0', 'INSERT INTO kept VALUES (5)')).rejects.toThrow('division by zero');
    expect(await app.backends.rows('SELECT count(*)::integer AS count FROM kept')).toEqual([{ count: 3 }]);
  });
});
