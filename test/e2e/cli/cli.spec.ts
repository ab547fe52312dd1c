import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { FernetKey } from '../../../src/crypto/fernet.js';
import { MIGRATIONS } from '../../../src/database/migrations/index.js';
import { Backends } from '../../support/backends.js';
import { runCli } from '../../support/cli.js';
import { unique } from '../../support/factories.js';
import { insertUsers } from '../../support/insert-users.js';
import { expectNoneSeen } from '../../support/leaks.js';
import { freePort } from '../../support/servers/free-port.js';

// Each start of the program takes seconds where others use the machine.
jest.setTimeout(90_000);

const COMMANDS = [
  'migrate',
  'keys:generate',
  'keys:rotate',
  'credentials:seal',
  'credentials:import',
  'credentials:export',
  'users:promote',
  'users:demote',
  'users:list',
  'users:create',
  'users:reset-password',
  'users:remove-factors',
  'cache:warm',
  'cache:flush',
  'restore:finish',
  'audit:verify',
  'doctor',
  'mcp',
];

describe('node dist/cli/main.js', () => {
  let backends: Backends;

  beforeAll(async () => {
    backends = await Backends.create({ empty: true });
  });
  afterAll(() => backends.remove());

  const outputs: string[] = [];
  const run = async (...args: string[]) => {
    const done = await runCli(args, backends.env());
    outputs.push(done.stdout, done.stderr);
    return done;
  };
  const without = (name: string) =>
    Object.fromEntries(Object.entries(backends.env()).filter(([other]) => other !== name));

  it('migrate applies all migrations, then finds nothing to do', async () => {
    const first = await run('migrate');
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toContain(MIGRATIONS.map(({ name }) => name).join(', '));
    const again = await run('migrate');
    expect(again).toEqual({ code: 0, stderr: '', stdout: 'The database (DATABASE_URL) is up to date.\n' });
  });

  it('migrate fails in one line, without the password, when there is no database', async () => {
    const env = { ...backends.env(), DATABASE_URL: `postgres://u:hunter2@127.0.0.1:${await freePort()}/x` };
    const { code, stderr } = await runCli(['migrate'], env);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^DATABASE_URL cannot be used: .+\n$/);
    expect(stderr).not.toContain('hunter2');
  });

  it('migrate fails in one line when the folder of the embedded database cannot be made', async () => {
    const env = { ...without('DATABASE_URL'), DATA_DIR: '/dev/null/data' };
    const { code, stderr } = await runCli(['migrate'], env);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^DATA_DIR \/dev\/null\/data cannot be made private to this program: .+\n$/);
  });

  it('users:promote makes an account an administrator, and fails for one that does not exist', async () => {
    await run('migrate');
    const email = `${unique()}@example.org`;
    await backends.rows('INSERT INTO users (email) VALUES ($1)', [email]);
    const done = await run('users:promote', email);
    expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining(`${email} is now an admin`) });
    expect(await backends.rows('SELECT role FROM users WHERE email = $1', [email])).toEqual([
      { role: 'admin' },
    ]);

    const unknown = await run('users:promote', `no-${email}`);
    expect(unknown).toEqual({
      code: 1,
      stdout: '',
      stderr: `There is no account with the e-mail address no-${email}.\n`,
    });
    expect((await run('users:promote')).code).toBe(1);
  });

  it('users:promote and users:demote take an id, and say whose the account is', async () => {
    await run('migrate');
    const email = `${unique()}@example.org`;
    const [user] = await backends.rows<{ id: number }>(
      `INSERT INTO users (email, oidc_issuer, oidc_subject) VALUES ($1, 'https://id.example', $1) RETURNING id`,
      [email],
    );
    const id = String(user?.id);
    const role = () => backends.rows('SELECT role FROM users WHERE id = $1', [id]);
    const promoted = await run('users:promote', id);
    expect(promoted).toMatchObject({ code: 0, stderr: '' });
    expect(promoted.stdout).toContain(
      `Account ${id}, ${email}: signs in with https://id.example, was created at 2`,
    );
    expect(await role()).toEqual([{ role: 'admin' }]);
    expect((await run('users:demote', email)).stdout).toContain(`${email} is now a user`);
    expect(await role()).toEqual([{ role: 'user' }]);
    expect(await run('users:demote', '99999999')).toMatchObject({
      code: 1,
      stderr: 'There is no account with the id 99999999.\n',
    });
  });

  it('keys:generate prints a new key each time, and nothing else', async () => {
    const runs = [await runCli(['keys:generate'], {}), await runCli(['keys:generate'], {})];
    const keys = runs.map(({ code, stdout, stderr }) => {
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return FernetKey.parse(stdout.trimEnd()).id;
    });
    expect(new Set(keys).size).toBe(2);
  });

  it('cache:warm fills the entries of as many users as it is told to', async () => {
    await run('migrate');
    const users = await insertUsers(backends, 3);
    const cached = () => backends.redis.exists(users.map(({ id }) => `user_platforms:${id}`));
    const two = await run('cache:warm', '--users', '2');
    expect(two).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Warmed 2 users; [1-9]/) });
    expect(await cached()).toBe(2);
    expect(await run('cache:warm')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Warmed 3 users/),
    });
    expect(await cached()).toBe(3);
  });

  it('cache:warm fails for what is no number, and where there is no Redis', async () => {
    expect((await run('cache:warm', '--users', 'many')).code).toBe(1);
    const alone = await runCli(['cache:warm'], without('REDIS_URL'));
    expect(alone).toMatchObject({ code: 1, stderr: expect.stringContaining('nothing to warm') });
  });

  it('cache:flush drops every kind of entry, and nothing that is not cached', async () => {
    const entries = [
      'user_platforms:7',
      'platform:7',
      'platform_stats:7:7',
      'api_key:x',
      'instance:https://a.example',
    ];
    const dropped = [...entries, ...entries.map((key) => `lease:{${key}}`)];
    const kept = ['another:program', 'my_platform:7', 'rate_limit:user:7', '{platform-manager}:watch:meta'];
    await backends.redis.flushDb();
    for (const key of [...dropped, ...kept]) await backends.redis.set(key, 'x');
    const done = await run('cache:flush');
    expect(done).toEqual({ code: 0, stderr: '', stdout: 'Dropped 10 keys from the cache.\n' });
    expect((await backends.redis.keys('*')).sort()).toEqual(kept.sort());
  });

  it('cache:flush fails in one line where there is no Redis', async () => {
    const alone = await runCli(['cache:flush'], without('REDIS_URL'));
    expect(alone).toMatchObject({ code: 1, stderr: expect.stringContaining('REDIS_URL is not set') });
    const gone = { ...backends.env(), REDIS_URL: `redis://127.0.0.1:${await freePort()}` };
    expect(await runCli(['cache:flush'], gone)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^REDIS_URL cannot be used: .+\n$/),
    });
  });

  it.each(COMMANDS)('%s explains itself, without any setting', async (command) => {
    const { code, stdout, stderr } = await runCli([command, '--help'], { NODE_ENV: 'production' });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^Usage: npm run cli -- ${command}`));
  });

  it('lists the commands, and refuses others', async () => {
    const { stdout } = await run('--help');
    for (const command of COMMANDS) expect(stdout).toContain(`  ${command}`);
    expect((await run('cache:burn')).code).toBe(1);
  });

  it('has printed no secret', () => {
    expectNoneSeen({ secrets: backends.secrets, exchanges: [], logs: [() => outputs] });
  });
});
