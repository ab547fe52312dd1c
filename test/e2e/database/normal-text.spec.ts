import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { NormalText1764001500000 } from '../../../src/database/migrations/1764001500000-normal-text.js';
import { MIGRATIONS } from '../../../src/database/migrations/index.js';
import { Backends } from '../../support/backends.js';

const NFC = 'Caf\u00e9';
const NFD = 'Cafe\u0301';
/** Only the composed form of this letter is excluded from NFC: in normal form it has two code points. */
const GROWS = '\u0958';

let backends: Backends;

beforeAll(async () => {
  backends = await Backends.create({ empty: true });
  await migrate(MIGRATIONS.slice(0, MIGRATIONS.indexOf(NormalText1764001500000)));
});
afterAll(() => backends.remove());

const migrate = async (migrations: typeof MIGRATIONS): Promise<void> => {
  const dataSource = new DataSource({
    type: 'postgres',
    url: backends.databaseUrl,
    migrations: [...migrations],
  });
  await dataSource.initialize();
  await dataSource.runMigrations().finally(() => dataSource.destroy());
};
const insertUser = async (email: string): Promise<number> => {
  const [row] = await backends.rows<{ id: number }>('INSERT INTO users (email) VALUES ($1) RETURNING id', [
    email,
  ]);
  return row!.id;
};

it('gives old names and addresses normal form, and leaves those alone that have a twin', async () => {
  const ada = await insertUser(`jose\u0301@example.org`);
  const bob = await insertUser(`rene\u0301@example.org`);
  const carol = await insertUser(`ren\u00e9@example.org`);
  const insert = (userId: number, name: string): Promise<unknown> =>
    backends.rows(
      `INSERT INTO platform_connections (user_id, name, platform_type, instance_url, username, access_token, key_id)
       VALUES ($1, $2::varchar, 'mastodon', 'https://mastodon.example', $2::text, 'x', 'x')`,
      [userId, name],
    );
  for (const name of [NFD, NFC, '  plain ', '\u3000', GROWS.repeat(100)]) await insert(ada, name);
  for (const name of [` ${NFC}`, NFD, 'plain']) await insert(bob, name);

  await migrate(MIGRATIONS);

  const names = async (userId: number): Promise<string[]> => {
    const query = 'SELECT name FROM platform_connections WHERE user_id = $1 ORDER BY id';
    return (await backends.rows<{ name: string }>(query, [userId])).map(({ name }) => name);
  };
  expect(await names(ada)).toEqual([NFD, NFC, 'plain', '\u3000', GROWS.repeat(100)]);
  expect(await names(bob)).toEqual([NFC, NFD, 'plain']);
  expect(await backends.rows('SELECT id, email FROM users ORDER BY id')).toEqual([
    { id: ada, email: 'jos\u00e9@example.org' },
    { id: bob, email: 'rene\u0301@example.org' },
    { id: carol, email: 'ren\u00e9@example.org' },
  ]);
  // The seal covers it.
  expect(await backends.rows(`SELECT 1 FROM platform_connections WHERE username = '  plain '`)).toHaveLength(
    1,
  );
  // Caches and event clients hear of it.
  expect(await backends.rows('SELECT 1 FROM platform_changes WHERE user_id = $1', [bob])).not.toHaveLength(0);
});
