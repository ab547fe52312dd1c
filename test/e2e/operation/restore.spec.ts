import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { runCli } from '../../support/cli.js';
import { type Person, createPlatform, register } from '../../support/factories.js';
import { expectProblem } from '../../support/problems.js';
import { backUp, restore } from '../../support/servers/pg-dump.js';
import { makeTemporaryFolder, removeTemporaryFolder } from '../../support/servers/temporary-folder.js';

let backends: Backends;
let folder: string;

beforeAll(async () => {
  backends = await Backends.create();
  folder = await makeTemporaryFolder('restore-');
});
afterAll(async () => {
  await backends.remove();
  await removeTemporaryFolder(folder);
});

const here = (person: Person, app: TestApp): Person['client'] => person.client.at(app.baseUrl);

// docs/operations.md, "Backup and restore", step by step.
it('after a restore, nobody gets what was given to somebody else since the backup', async () => {
  const { secrets, databaseUrl } = backends;
  const file = join(folder, 'dump');
  let app = await startTestApp({ backends });
  const ada = await register(app.client, secrets);
  await createPlatform(ada, secrets, { name: 'before' });
  await app.app.close();
  // What works once comes back with the backup: a link in a message, an invitation, and a connect link.
  await backends.rows(
    `INSERT INTO mail_tokens (token_hash, kind, user_id, email, expires_at)
     VALUES (sha256('link'), 'password_reset', $1, $2, now() + interval '1 hour')`,
    [ada.id, ada.email],
  );
  await backends.rows(
    `INSERT INTO invitations (token_hash, expires_at) VALUES (sha256('invitation'), now() + interval '1 day')`,
  );
  await backends.rows(
    `INSERT INTO connect_links (token_hash, user_id, external_user_id, expires_at)
     VALUES (sha256('connect'), $1, 'customer-1', now() + interval '30 minutes')`,
    [ada.id],
  );
  await backUp(databaseUrl, file);

  app = await startTestApp({ backends });
  const bob = await register(app.client, secrets);
  const his = await createPlatform(bob, secrets, { name: 'since' });
  await createPlatform({ ...ada, client: here(ada, app) }, secrets, { name: 'also since' });
  for (const person of [ada, bob]) await here(person, app).get('/v1/platforms');
  await here(bob, app).get(`/v1/platforms/${his.id}`);
  await app.app.close();

  await backends.rows('DROP SCHEMA public CASCADE');
  await backends.rows('CREATE SCHEMA public');
  await restore(databaseUrl, file);
  const finished = await runCli(['restore:finish'], backends.env());
  expect(finished).toMatchObject({ code: 0, stderr: '' });
  expect(finished.stdout).toMatch(/^The installation is in epoch \d{10}\. All sessions/);

  for (const table of ['mail_tokens', 'invitations', 'connect_links'])
    expect(await backends.rows(`SELECT 1 FROM ${table}`)).toEqual([]);

  app = await startTestApp({ backends });
  for (const person of [ada, bob]) {
    expectProblem(await here(person, app).get('/v1/platforms'), 401, 'unauthenticated');
    const renewed = await app.client.post('/v1/auth/refresh', { refreshToken: person.refreshToken });
    expect(renewed.status).toBe(401);
  }
  const carol = await register(app.client, secrets);
  const hers = await createPlatform(carol, secrets, { name: 'after' });
  expect([carol.id, hers.id].every((id) => id > 1_000_000)).toBe(true);
  const login = await app.client.post('/v1/auth/login', { email: ada.email, password: ada.password });
  const list = await app.client.as(login.json<Person>()).get('/v1/platforms');
  expect(list.json<{ name: string }[]>().map(({ name }) => name)).toEqual(['before']);
  expect(list.cacheStatus).toContain('fwd=miss');
  await app.expectCleanRecord();
  await app.close();
}, 180_000);
