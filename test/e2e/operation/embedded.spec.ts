import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FernetKey } from '../../../src/crypto/fernet.js';
import { waitUntil } from '../../support/barrier.js';
import { createTestDatabase, createTestRedis } from '../../support/databases.js';
import { SocketListener, StreamListener } from '../../support/event-listener.js';
import {
  createPlatform,
  platformInput,
  type PlatformJson,
  register,
  type Session,
} from '../../support/factories.js';
import { type Exchange, HttpClient } from '../../support/http-client.js';
import { expectNoneSeen } from '../../support/leaks.js';
import { expectProblem } from '../../support/problems.js';
import { Secrets } from '../../support/secrets.js';
import { type ApiProcess, startApi } from '../../support/servers/api-process.js';
import { makeTemporaryFolder, removeTemporaryFolder } from '../../support/servers/temporary-folder.js';
import { startInVain } from '../../support/start-in-vain.js';

describe('the embedded start, with nothing installed and nothing set', () => {
  const secrets = new Secrets();
  const exchanges: Exchange[] = [];
  const outputs: (() => readonly string[])[] = [];
  const input = platformInput(secrets, { name: 'kept', username: 'ada' });
  let dataDir: string;
  let api: ApiProcess;
  let client: HttpClient;
  let login: { email: string; password: string };

  async function start(): Promise<void> {
    api = await startApi({ env: { DATA_DIR: dataDir, LOG_LEVEL: 'trace' } });
    const { output } = api;
    outputs.push(() => output);
    client = new HttpClient(api.baseUrl, exchanges, secrets);
    await api.printed(/Platform Manager is ready/);
  }

  async function signIn(): Promise<HttpClient> {
    const answer = await client.post('/v1/auth/login', login);
    expect(answer.status).toBe(200);
    return client.as(answer.json<Session>());
  }

  beforeAll(async () => {
    dataDir = await makeTemporaryFolder('test-embedded-');
    await start();
  }, 120_000);
  afterAll(async () => {
    await api.stop();
    await removeTemporaryFolder(dataDir);
  }, 120_000);

  it('prints where everything is, and the login of the demo account', async () => {
    const [, email = '', password = ''] = await api.printed(/Log in as\s+(\S+) with password (\S+)/);
    login = { email, password };
    expect(login.email).toMatch(/@/);
    const greeting = api.output.join('\n');
    expect(greeting).toContain(`http://localhost:${api.port}/v1`);
    expect(greeting).toContain(`http://localhost:${api.port}/docs`);
    expect(greeting).toContain(`http://localhost:${api.port}/console`);
    expect(greeting).toContain(dataDir);
    expect(greeting).toContain('in process memory');
  });

  it('keeps the keys that it made readable by their owner only', async () => {
    const files = await readdir(dataDir);
    for (const name of ['platform-encryption-key', 'jwt-secret']) {
      expect(files).toContain(name);
      expect((await stat(join(dataDir, name))).mode & 0o777).toBe(0o600);
    }
  });

  it('lets one sign in, create, and list: miss, then hit', async () => {
    const demo = await signIn();
    expect((await demo.post('/v1/platforms', input)).status).toBe(201);
    const drained = async () => (await client.get('/metrics')).text.includes('\noutbox_pending 0\n');
    await waitUntil(drained, { timeoutMs: 15_000, what: 'the outbox to be drained' });
    const answers = [await demo.get('/v1/platforms'), await demo.get('/v1/platforms')];
    expect(answers.map(({ cacheStatus }) => cacheStatus)).toEqual([
      'platform-manager; fwd=miss; stored',
      'platform-manager; hit',
    ]);
    for (const answer of answers) expect(answer.json()).toMatchObject([{ name: 'kept', isDefault: true }]);
  });

  it('serves many readers and writers at once over its one connection', async () => {
    const demo = await signIn();
    const [{ id } = { id: 0 }] = (await demo.get('/v1/platforms')).json<PlatformJson[]>();
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        n % 6 === 0
          ? demo.patch(`/v1/platforms/${id}`, { username: `ada-${n}` })
          : demo.get(`/v1/platforms/${id}/stats`),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    await demo.patch(`/v1/platforms/${id}`, { username: 'ada' });
  });

  it('writes messages to files of their owner only, and says so', async () => {
    const folder = join(dataDir, 'mail');
    const { email } = await register(client, secrets);
    const file = (): string | undefined =>
      api.output.map((line) => /written to \S*\/mail\/(\S+\.eml)/.exec(line)?.[1]).find(Boolean);
    const written = await waitUntil(file, { timeoutMs: 15_000, what: 'the message' });
    const message = await readFile(join(folder, written), 'utf8');
    expect(message).toContain(`To: ${email}`);
    expect(message).toContain('/console/verify-email#');
    expect((await stat(join(folder, written))).mode & 0o777).toBe(0o600);
  });

  it('tells of changes as they happen, and of those that were missed, without Redis', async () => {
    const demo = await signIn();
    const { accessToken: token } = (await client.post('/v1/auth/login', login)).json<Session>();
    const [{ id } = { id: 0 }] = (await demo.get('/v1/platforms')).json<PlatformJson[]>();
    const ears = [
      await SocketListener.connect(api.baseUrl, { token }),
      await StreamListener.connect(api.baseUrl, { token }),
    ];
    await demo.patch(`/v1/platforms/${id}`, { username: 'heard' });
    for (const ear of ears) await ear.event(({ platform }) => platform?.username === 'heard');
    const lastEventId = ears[0]?.lastEventId;
    for (const ear of ears) await ear.close();
    await demo.patch(`/v1/platforms/${id}`, { username: 'ada' });
    const late = await SocketListener.connect(api.baseUrl, { token, lastEventId });
    await late.event(({ platform }) => platform?.username === 'ada');
    late.close();
  });

  it('answers the health checks and metrics', async () => {
    expect((await client.get('/health/ready')).json()).toEqual({
      status: 'ok',
      database: 'up',
      cache: 'in-process',
    });
    expect((await client.get('/metrics')).text).toContain('platform_cache_requests_total');
  });

  it('is refused to a second process, which says why and ends with 1', async () => {
    const { code, output } = await startInVain({ DATA_DIR: dataDir, PORT: '0', LOG_LEVEL: 'fatal' });
    expect(code).toBe(1);
    expect(output).toContain(`DATA_DIR ${dataDir} is in use by process ${api.pid}`);
    expect(output).not.toMatch(/^\s+at /m);
    expect((await client.get('/health/ready')).status).toBe(200);
  });

  it('ends with 0 on SIGTERM; a start with another key is refused, and one with its own keeps the data, the sessions and what it can decrypt', async () => {
    const demo = await signIn();
    const before = (await demo.get('/v1/platforms')).json<PlatformJson[]>();
    expect(before[0]?.status).toBe('unchecked');
    expect(await api.stop()).toBe(0);
    const other = FernetKey.generate();
    const { code, output } = await startInVain({
      DATA_DIR: dataDir,
      PORT: '0',
      PLATFORM_ENCRYPTION_KEY: other,
    });
    expect(code).toBe(1);
    expect(output).toContain('PLATFORM_ENCRYPTION_KEY=<new key>,<old key>');
    expect(output).not.toContain(other);
    await start();
    expect(api.output.join('\n')).not.toMatch(/Log in as/);
    const restarted = await signIn();
    const after = await restarted.get('/v1/platforms');
    expect(after.json()).toEqual(before); // status included: undecryptable would be needs_reconnect
    // A new token beside the kept client credentials needs those opened, not only verified.
    const path = `/v1/platforms/${before[0]?.id}`;
    const renewed = await restarted.patch(path, { accessToken: secrets.make('access-token') });
    expect(renewed.json()).toMatchObject({ status: 'unchecked', hasClientCredentials: true });
    const moved = { instanceUrl: 'https://other.example' };
    expectProblem(await restarted.patch(path, moved), 400, 'validation_failed', ['/accessToken']);
    const accessToken = secrets.make('access-token');
    expect((await restarted.patch(path, { ...moved, accessToken })).status).toBe(200);
  }, 120_000);

  it('takes over the folder of a process that was killed', async () => {
    await api.kill();
    await start();
    const demo = await signIn();
    expect((await demo.get('/v1/platforms')).json()).toMatchObject([
      { instanceUrl: 'https://other.example' },
    ]);
    expectProblem(
      await demo.post('/v1/platforms', { ...input, name: 'again', instanceUrl: 'other.example' }),
      409,
      'duplicate_account',
    );
  }, 120_000);

  it('has printed and answered no secret, but for the one login', () => {
    const lines = outputs.flatMap((output) => output());
    expect(lines.length).toBeGreaterThan(20);
    expect(lines.filter((line) => line.includes(login.password))).toHaveLength(1);
    expect(exchanges.length).toBeGreaterThan(60);
    expectNoneSeen({ secrets, exchanges, logs: outputs });
  });
});

describe('the same start with the addresses of real servers, and nothing else set', () => {
  it('uses them, says which key file to keep, and after a restart still opens what it has stored', async () => {
    const [database, redis, dataDir] = await Promise.all([
      createTestDatabase(),
      createTestRedis(),
      makeTemporaryFolder('test-real-'),
    ]);
    const env = { DATABASE_URL: database.url, REDIS_URL: redis.url, DATA_DIR: dataDir };
    const running: ApiProcess[] = [];
    try {
      const first = await startApi({ env });
      running.push(first);
      const secrets = new Secrets();
      const exchanges: Exchange[] = [];
      const ada = await register(new HttpClient(first.baseUrl, exchanges, secrets), secrets);
      const { id } = await createPlatform(ada, secrets);
      expect(await readdir(dataDir)).not.toContain('postgres');
      const [, keep] = await first.printed(/keep (\S+platform-encryption-key)/);
      expect(keep).toBe(join(dataDir, 'platform-encryption-key'));
      expect(await first.stop()).toBe(0);

      const second = await startApi({ env });
      running.push(second);
      const again = new HttpClient(second.baseUrl, exchanges, secrets).as(ada);
      expect((await again.get(`/v1/platforms/${id}`)).json()).toMatchObject({ status: 'unchecked' });
      expectNoneSeen({ secrets, exchanges, logs: running.map((api) => () => api.output) });
    } finally {
      await Promise.all(running.map((api) => api.kill()));
      await removeTemporaryFolder(dataDir);
      await database.drop();
    }
  }, 120_000);
});

describe('a start with a configuration that is not usable', () => {
  it('in production lists every missing setting by name and ends with 1', async () => {
    const { code, output } = await startInVain({ NODE_ENV: 'production' });
    expect(code).toBe(1);
    for (const name of ['DATABASE_URL', 'REDIS_URL', 'PLATFORM_ENCRYPTION_KEY', 'JWT_SECRET']) {
      expect(output).toContain(name);
    }
    expect(output).toMatch(/keys:generate/);
    expect(output).not.toMatch(/^\s+at /m);
  });

  it('lists every bad setting at once, and repeats no value', async () => {
    const bad = {
      PORT: '70000',
      LOG_LEVEL: 'loud',
      DATABASE_URL: 'mysql://user:hunter2hunter2@db/x',
      REDIS_URL: 'redis://ok:6379,http://x',
      DATABASE_POOL_MAX: '1e3',
      PLATFORM_ENCRYPTION_KEY: 'not-a-key-at-all',
      JWT_SECRET: 'too-short-secret',
      TRUST_PROXY: 'maybe',
      CORS_ORIGINS: 'example.org',
    };
    const { code, output } = await startInVain(bad);
    expect(code).toBe(1);
    for (const name of Object.keys(bad)) expect(output).toContain(name);
    for (const value of ['hunter2', 'not-a-key-at-all', 'too-short-secret'])
      expect(output).not.toContain(value);
  });
});
