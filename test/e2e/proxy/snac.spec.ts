import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { type Person, createPlatform, register } from '../../support/factories.js';
import { PICTURES } from '../../support/fake-instance/pictures.js';
import { SnacServer } from '../../support/servers/snac.js';

type Fetch = (path: string, init?: RequestInit) => Promise<Response>;

/** What a worker does, at a real instance, without ever having the token. */
let snac: SnacServer;
let app: TestApp;
let owner: Person;
let worker: Fetch;

beforeAll(async () => {
  snac = await SnacServer.start(['alice']);
  app = await startTestApp({ env: { INSTANCE_HOST_ALLOWLIST: snac.host } });
  const { secrets } = app.backends;
  secrets.add(...snac.passwords.values());
  owner = await register(app.client, secrets);
  const accessToken = await snac.issueToken('alice');
  secrets.add(accessToken);
  const { id } = await createPlatform(owner, secrets, {
    platformType: 'mastodon_api',
    instanceUrl: snac.origin,
    username: 'alice',
    accessToken,
  });
  const policy = { methods: ['GET', 'POST', 'DELETE'], paths: ['/api/**'], platformIds: [id] };
  const made = await owner.client.post('/v1/api-keys', { name: 'worker', scopes: ['platforms:use'], policy });
  const { key } = made.json<{ key: string }>();
  worker = (path, init = {}) =>
    fetch(`${app.baseUrl}/v1/platforms/${id}/proxy${path}`, {
      ...init,
      headers: { ...(init.headers as Record<string, string> | undefined), Authorization: `Bearer ${key}` },
    });
}, 120_000);
afterAll(async () => {
  await app.close();
  await snac.remove();
});

const read = async <T>(answer: Promise<Response>): Promise<T> => {
  const { status, headers, ...rest } = await answer.then(async (got) => ({
    status: got.status,
    headers: got.headers,
    text: await got.text(),
  }));
  expect({ status, text: rest.text }).toMatchObject({ status: 200 });
  expect(headers.get('proxy-status')).toBe('platform-manager; received-status=200');
  return JSON.parse(rest.text) as T;
};

it('verifies, uploads, posts, lists and deletes', async () => {
  const account = await read<{ id: string; username: string }>(worker('/api/v1/accounts/verify_credentials'));
  expect(account.username).toBe('alice');

  const form = new FormData();
  form.append('file', new Blob([PICTURES['image/png']], { type: 'image/png' }), 'a.png');
  form.append('description', 'A picture');
  const media = await read<{ id: string; url: string }>(
    worker('/api/v2/media', { method: 'POST', body: form }),
  );
  expect(media.url).toContain(snac.host);

  const status = `Hello from the proxy, ${Date.now()}`;
  const posted = await read<{ id: string; content: string; media_attachments: unknown[] }>(
    worker('/api/v1/statuses', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ status, media_ids: [media.id] }),
    }),
  );
  expect(posted.content).toContain(status);
  expect(posted.media_attachments).toHaveLength(1);

  const listed = await read<{ id: string }[]>(worker(`/api/v1/accounts/${account.id}/statuses?limit=5`));
  expect(listed.map(({ id }) => id)).toContain(posted.id);

  // This version of snac deletes lists, and no posts.
  const title = new URLSearchParams({ title: 'Friends' });
  const list = await read<{ id: string }>(worker('/api/v1/lists', { method: 'POST', body: title }));
  const lists = (): Promise<{ id: string }[]> => read(worker('/api/v1/lists'));
  expect((await lists()).map(({ id }) => id)).toContain(list.id);
  expect((await worker(`/api/v1/lists/${list.id}`, { method: 'DELETE' })).status).toBe(200);
  expect(await lists()).toEqual([]);
});

it('stays where its policy lets it', async () => {
  expect((await worker('/alice')).status).toBe(403);
  expect((await worker('/api/v1/statuses/1', { method: 'PUT' })).status).toBe(403);
});
