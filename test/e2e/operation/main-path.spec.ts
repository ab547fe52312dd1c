import { existsSync, readdirSync } from 'node:fs';
import nodeModule from 'node:module';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { projectFile } from '../../../src/common/project-file.js';
import { FernetKey } from '../../../src/crypto/fernet.js';
import { waitUntil } from '../../support/barrier.js';
import { runCli } from '../../support/cli.js';
import { StreamListener } from '../../support/event-listener.js';
import { type PlatformJson, type Session, createPlatform } from '../../support/factories.js';
import { type Exchange, HttpClient } from '../../support/http-client.js';
import { expectNoneSeen } from '../../support/leaks.js';
import { reveal } from '../../support/reveal.js';
import { Secrets } from '../../support/secrets.js';
import { type ApiProcess, startApi } from '../../support/servers/api-process.js';
import { makeTemporaryFolder, removeTemporaryFolder } from '../../support/servers/temporary-folder.js';

// What a first user does, on the Node that runs Jest. `.ci/run` repeats this file on every release that is supported:
// npm run test:node -- 24 test/e2e/operation/main-path.spec.ts

const secrets = new Secrets();
const exchanges: Exchange[] = [];
const logs: (() => readonly string[])[] = [];
const login = { email: '', password: '' };
let dataDir: string;
let api: ApiProcess;
let client: HttpClient;

async function start(): Promise<void> {
  const started = await startApi({ env: { DATA_DIR: dataDir } });
  logs.push(() => started.output);
  api = started;
  client = new HttpClient(api.baseUrl, exchanges, secrets);
}

async function signIn(): Promise<Session & { client: HttpClient }> {
  const answer = await client.post('/v1/auth/login', login);
  expect(answer.status).toBe(200);
  const session = answer.json<Session>();
  return { ...session, client: client.as(session) };
}

beforeAll(async () => {
  dataDir = await makeTemporaryFolder('test-main-path-');
  await start();
  const [, email = '', password = ''] = await api.printed(/Log in as\s+(\S+) with password (\S+)/);
  [login.email, login.password] = [email, password];
});
afterAll(async () => {
  await api.kill();
  await removeTemporaryFolder(dataDir);
});

it('starts on the same release of Node as the test', async () => {
  expect((await client.get('/metrics')).text).toContain(`nodejs_version_info{version="${process.version}"`);
});

it('creates a connection, which an event stream announces, lists it by miss and hit, and reveals it', async () => {
  const demo = await signIn();
  const ear = await StreamListener.connect(api.baseUrl, { token: demo.accessToken });
  const accessToken = secrets.make('access-token');
  const platform = await createPlatform(demo, secrets, { accessToken });
  const created = await ear.event(({ type }) => type === 'platform.created');
  expect(created).toMatchObject({ platformId: platform.id, platform });
  await ear.close();

  const drained = async () => (await client.get('/metrics')).text.includes('\noutbox_pending 0\n');
  await waitUntil(drained, { timeoutMs: 15_000, what: 'the outbox to be drained' });
  const lists = [await demo.client.get('/v1/platforms'), await demo.client.get('/v1/platforms')];
  expect(lists.map(({ cacheStatus }) => cacheStatus)).toEqual([
    'platform-manager; fwd=miss; stored',
    'platform-manager; hit',
  ]);
  for (const list of lists) expect(list.json<PlatformJson[]>()).toEqual([platform]);

  const revealed = await reveal(demo, platform.id);
  expect(revealed.status).toBe(200);
  expect(revealed.json()).toMatchObject({ accessToken });
});

it('ends with 0 on SIGTERM, promotes the account by the command line, and starts again with what it had', async () => {
  expect(await api.stop()).toBe(0);
  const promoted = await runCli(['users:promote', login.email], { DATA_DIR: dataDir });
  expect(promoted).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`${login.email} is now an admin`),
  });
  await start();
  const demo = await signIn();
  expect(demo.user.role).toBe('admin');
  expect((await demo.client.get('/v1/platforms')).json<PlatformJson[]>()).toHaveLength(1);
});

it('keeps what V8 has compiled for the next start, where this release of Node can', () => {
  const folder = projectFile('node_modules/.cache/platform-manager');
  const releases = existsSync(folder) ? readdirSync(folder) : [];
  expect(releases.some((name) => name.startsWith(`${process.version}-`))).toBe(
    'enableCompileCache' in nodeModule,
  );
});

it('makes an encryption key by the command line', async () => {
  const { code, stdout, stderr } = await runCli(['keys:generate'], {});
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(FernetKey.parse(stdout.trimEnd()).id).not.toBe('');
});

it('has printed and answered no secret where none belongs', () => {
  expectNoneSeen({ secrets, exchanges, logs });
});
