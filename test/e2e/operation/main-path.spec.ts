import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { projectFile } from '../../../src/common/project-file.js';
import { FernetKey } from '../../../src/crypto/fernet.js';
import { waitUntil } from '../../support/barrier.js';
import { runCli } from '../../support/cli.js';
import { StreamListener } from '../../support/event-listener.js';
import { type PlatformJson, type Session, createPlatform } from '../../support/factories.js';
import { type Exchange, HttpClient } from '../../support/http-client.js';
import { expectNoneSeen } from '../../support/leaks.js';
import { nodeRelease } from '../../support/node-release.mjs';
import { reveal } from '../../support/reveal.js';
import { Secrets } from '../../support/secrets.js';
import { type ApiProcess, startApi } from '../../support/servers/api-process.js';
import { makeTemporaryFolder, removeTemporaryFolder } from '../../support/servers/temporary-folder.js';

// What a first user does, on the Node of the tests or on the releases of NODE_RELEASES, as `.ci/run` does:
// NODE_RELEASES='22 26' npm test -- main-path.spec.ts

const HERE = process.version.slice(1);
const RELEASES = process.env.NODE_RELEASES?.split(' ') ?? [HERE];

describe.each(RELEASES)('the main path, on Node %s', (release) => {
  const secrets = new Secrets();
  const exchanges: Exchange[] = [];
  const logs: (() => readonly string[])[] = [];
  const login = { email: '', password: '' };
  let node = process.execPath;
  let version = '';
  let dataDir: string;
  let api: ApiProcess;
  let client: HttpClient;

  async function start(): Promise<void> {
    const started = await startApi({ env: { DATA_DIR: dataDir }, node });
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
    if (release !== HERE) node = join(nodeRelease(release), 'node');
    dataDir = await makeTemporaryFolder('test-main-path-');
    await start();
    const [, email = '', password = ''] = await api.printed(/Log in as\s+(\S+) with password (\S+)/);
    [login.email, login.password] = [email, password];
  });
  afterAll(async () => {
    await api.kill();
    await removeTemporaryFolder(dataDir);
  });

  it('starts on that release', async () => {
    [, version = ''] =
      /nodejs_version_info\{version="(v[^"]+)"/.exec((await client.get('/metrics')).text) ?? [];
    expect(`${version}.`.startsWith(`v${release}.`)).toBe(true);
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
    const promoted = await runCli(['users:promote', login.email], { DATA_DIR: dataDir }, node);
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
    expect(releases.some((name) => name.startsWith(`${version}-`))).toBe(!version.startsWith('v20.'));
  });

  it('makes an encryption key by the command line', async () => {
    const { code, stdout, stderr } = await runCli(['keys:generate'], {}, node);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(FernetKey.parse(stdout.trimEnd()).id).not.toBe('');
  });

  it('has printed and answered no secret where none belongs', () => {
    expectNoneSeen({ secrets, exchanges, logs });
  });
});
