import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { type PlatformInput, createPlatform, register } from '../../support/factories.js';
import { type FakeInstance, startFakeInstance } from '../../support/fake-instance/fake-instance.js';
import { PICTURES } from '../../support/fake-instance/pictures.js';
import { SnacServer } from '../../support/servers/snac.js';

const WORKER = fileURLToPath(new URL('./masto-worker.mjs', import.meta.url));
const TIMEOUT_MS = 60_000;
const PICTURE = PICTURES['image/png'];

interface Report {
  readonly account: string;
  readonly media: { readonly id: string } | null;
  readonly posted: { readonly id: string; readonly content: string };
  readonly listed: readonly string[];
  readonly list: string;
  readonly lists: readonly string[];
  /** `deleted`, or the status of the refusal. */
  readonly listDeletion: string | number;
  readonly listsLeft: readonly string[];
  /** Of the post. */
  readonly deletion: string | number;
  readonly left: readonly string[];
}

let snac: SnacServer;
let fake: FakeInstance;
let app: TestApp;

beforeAll(async () => {
  [snac, fake] = await Promise.all([SnacServer.start(['alice']), startFakeInstance('mastodon')]);
  app = await startTestApp({ env: { INSTANCE_HOST_ALLOWLIST: `${snac.host},${fake.host}` } });
  app.backends.secrets.add(...snac.passwords.values());
}, 120_000);
afterAll(async () => {
  await app.close();
  await Promise.all([snac.remove(), fake.close()]);
});

/** A link to the application, and all that passes through it in either direction. */
async function tap(): Promise<{ readonly url: string; passed(): string; close(): void }> {
  const passed: Buffer[] = [];
  const { port } = new URL(app.baseUrl);
  const server = createServer((client) => {
    const upstream = connect(Number(port), '127.0.0.1');
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('data', (bytes: Buffer) => passed.push(bytes));
      from.on('error', () => to.destroy());
      from.pipe(to);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passed: () => Buffer.concat(passed).toString('latin1'),
    close: () => void server.close(),
  };
}

/** Runs the worker with an API key for the connection, and sees to it that it never holds the token. */
async function work(own: Partial<PlatformInput> & { accessToken: string }, more: object): Promise<Report> {
  const { accessToken } = own;
  const owner = await register(app.client, app.backends.secrets);
  const { id, instanceUrl } = await createPlatform(owner, app.backends.secrets, own);
  const policy = { methods: ['GET', 'POST', 'DELETE'], paths: ['/api/**'], platformIds: [id] };
  const made = await owner.client.post('/v1/api-keys', { name: 'worker', scopes: ['platforms:use'], policy });
  const { key } = made.json<{ key: string }>();
  const link = await tap();
  const platform = JSON.stringify({ id, instanceUrl });
  const env = { PATH: process.env.PATH, PLATFORM_KEY: key, MANAGER: link.url, PLATFORM: platform, ...more };
  const { stdout } = await promisify(execFile)(process.execPath, [WORKER], { env, timeout: TIMEOUT_MS });
  link.close();
  const held = JSON.stringify(env) + link.passed();
  expect(link.passed()).toContain(key);
  expect(link.passed()).toContain('received-status=200');
  expect(held).not.toContain(accessToken);
  expect(held).not.toContain(Buffer.from(accessToken).toString('base64').slice(0, -4));
  return JSON.parse(stdout) as Report;
}

it('verifies, uploads, posts and lists at snac with masto.js, by the recipe of docs/proxy.md', async () => {
  const accessToken = await snac.issueToken('alice');
  app.backends.secrets.add(accessToken);
  const TEXT = `Hello from masto.js, ${Date.now()}`;
  const report = await work(
    { platformType: 'mastodon_api', instanceUrl: snac.origin, username: 'alice', accessToken },
    { TEXT, PICTURE: PICTURE.toString('base64') },
  );
  expect(report).toMatchObject({
    account: 'alice',
    lists: [report.list],
    listDeletion: 'deleted',
    listsLeft: [],
  });
  expect(report.posted.content).toContain(TEXT);
  expect(report.listed).toContain(report.posted.id);
  // This version of snac deletes lists, and no posts.
  expect(report.deletion).not.toBe('deleted');
  expect(report.left).toContain(report.posted.id);

  const ask = async (path: string): Promise<unknown> =>
    (await fetch(snac.origin + path, { headers: { Authorization: `Bearer ${accessToken}` } })).json();
  const { id } = (await ask('/api/v1/accounts/verify_credentials')) as { id: string };
  const [status] = (await ask(`/api/v1/accounts/${id}/statuses`)) as {
    content: string;
    media_attachments: { url: string; description: string }[];
  }[];
  expect(status?.content).toContain(TEXT);
  expect(status?.media_attachments).toMatchObject([{ description: 'A picture' }]);
  const stored = await fetch(status?.media_attachments[0]?.url ?? '');
  expect(Buffer.from(await stored.arrayBuffer())).toEqual(PICTURE);
});

it('also deletes at a Mastodon, which hears from the proxy alone', async () => {
  const accessToken = fake.addToken(app.backends.secrets.make('token'));
  const report = await work({ instanceUrl: fake.origin, username: 'alice', accessToken }, { TEXT: 'Grüße' });
  expect(report).toMatchObject({
    account: 'alice',
    posted: { content: 'Grüße' },
    deletion: 'deleted',
    left: [],
  });
  expect(report.listed).toEqual([report.posted.id]);
  const asked = fake.requests.filter(({ path }) => path.startsWith('/api/v1/'));
  const { posted, list } = report;
  expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'GET /api/v1/accounts/verify_credentials',
    'POST /api/v1/statuses',
    'GET /api/v1/accounts/1/statuses',
    'POST /api/v1/lists',
    'GET /api/v1/lists',
    `DELETE /api/v1/lists/${list}`,
    'GET /api/v1/lists',
    `DELETE /api/v1/statuses/${posted.id}`,
    'GET /api/v1/accounts/1/statuses',
  ]);
  expect(asked.find(({ method }) => method === 'POST')?.form.get('status')).toBe('Grüße');
  for (const { authorization } of asked) expect(authorization).toBe(`Bearer ${accessToken}`);
});
