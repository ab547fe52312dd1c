import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { runCli } from '../../support/cli.js';
import { type Person, register, unique } from '../../support/factories.js';

// Each start of the program takes seconds where others use the machine.
jest.setTimeout(90_000);

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp({ env: { REGISTRATION: 'open' } });
});
afterAll(() => app.close());

const run = (...args: string[]) => runCli(args, app.backends.env());

/** As printed. It must be nowhere else. */
function passwordIn(stdout: string): string {
  const password = /shown only here: (\S+)$/m.exec(stdout)?.[1] ?? '';
  app.backends.secrets.add(password);
  return password;
}

const signIn = (email: string, password: string) => app.client.post('/v1/auth/login', { email, password });

it('creates an account that can sign in, an administrator if told to, and lists it', async () => {
  for (const [options, role] of [
    [[], 'user'],
    [['--admin'], 'admin'],
  ] as const) {
    const email = `${unique()}@example.org`;
    const created = await run('users:create', email, ...options);
    expect(created).toMatchObject({ code: 0, stderr: '' });
    const session = await signIn(email, passwordIn(created.stdout));
    expect(session.json()).toMatchObject({ user: { email, role } });
    const { user } = session.json<Person & { user: { id: number } }>();
    const { stdout } = await run('users:list');
    expect(stdout.split('\n')).toContainEqual(
      expect.stringMatching(new RegExp(`^${user.id}\t${email}\t${role}\tpassword\t2.*Z$`)),
    );
    const again = await run('users:create', email.toUpperCase());
    expect(again).toEqual({
      code: 1,
      stdout: '',
      stderr: 'An account with this e-mail address already exists.\n',
    });
  }
  expect(await run('users:create', 'nobody')).toMatchObject({
    code: 1,
    stderr: 'nobody is not an e-mail address.\n',
  });
});

it('resets a password: the old one and the sessions count no more', async () => {
  const person = await register(app.client, app.backends.secrets);
  const { code, stdout } = await run('users:reset-password', String(person.id));
  expect(code).toBe(0);
  expect((await signIn(person.email, person.password)).status).toBe(401);
  const { refreshToken } = person;
  expect((await app.client.post('/v1/auth/refresh', { refreshToken })).status).toBe(401);
  const session = await signIn(person.email, passwordIn(stdout));
  expect(session.status).toBe(200);
  const trail = await app.client.as(session.json()).get('/v1/audit?action=account.password');
  expect(trail.json()).toMatchObject({
    entries: [{ actor: 'operator', outcome: 'reset', userId: person.id }],
  });

  await app.backends.rows(
    `INSERT INTO users (email, oidc_issuer, oidc_subject) VALUES ($1, 'https://id.example', $1)`,
    [`oidc-${person.email}`],
  );
  expect(await run('users:reset-password', `oidc-${person.email}`)).toMatchObject({
    code: 1,
    stderr: `oidc-${person.email} signs in with https://id.example and has no password here.\n`,
  });
});
