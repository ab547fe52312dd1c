import { authenticator } from '../../../src/factors/second-factors.js';
import { encodeCursor } from '../../../src/http/page-cursor.js';
import type { TestApp } from '../app.js';
import {
  createPlatform,
  type Person,
  type PlatformJson,
  type Session,
  signAccessToken,
} from '../factories.js';
import { Caller } from '../fake-instance/connect-app.js';
import type { FakeInstance } from '../fake-instance/fake-instance.js';
import { PICTURES } from '../fake-instance/pictures.js';
import type { HttpClient, TestResponse } from '../http-client.js';
import type { MailServer } from '../mail-server.js';
import { SoftwarePasskey, addPasskey, usePasskey } from '../software-passkey.js';

export interface Visitor {
  readonly app: TestApp;
  readonly person: Person;
  /** One of the person's connections. */
  readonly platformId: number;
  readonly fake: FakeInstance;
  readonly mails: MailServer;
}

/** Asks every route for something that succeeds; throws when one does not. */
export async function everyRoute({ app, person, platformId: id, fake, mails }: Visitor): Promise<void> {
  const { client } = app;
  const on = client.as(person);
  const ok = async (answer: Promise<TestResponse>): Promise<TestResponse> => {
    const { status, text } = await answer;
    if (status >= 300) throw new Error(`${status}: ${text}`);
    return answer;
  };
  const account = { email: 'late@example.org', password: 'a-password-for-late' };
  const late = (await ok(client.post('/v1/auth/register', account))).json<Session>();
  const { email, password } = person;
  const { refreshToken } = (await ok(client.post('/v1/auth/login', { email, password }))).json<Session>();
  const next = (await ok(client.post('/v1/auth/refresh', { refreshToken }))).json<Session>();
  for (const path of [
    '/health/live',
    '/health/ready',
    '/metrics',
    '/asyncapi.json',
    '/problems',
    '/problems/forbidden',
    '/v1/connect/bluesky/client-metadata.json',
    '/v1/connect/bluesky/jwks.json',
  ])
    await ok(client.get(path));

  await ok(on.post('/v1/auth/confirm', { password }));
  await ok(on.get('/v1/me/totp'));
  const { secret } = (await ok(on.post('/v1/me/totp'))).json<{ secret: string }>();
  const totp = { code: authenticator(secret).generate() };
  await ok(on.request('PUT', '/v1/me/totp', { body: totp }));
  const codes = await ok(on.post('/v1/me/totp/recovery-codes'));
  const [code] = codes.json<{ recoveryCodes: string[] }>().recoveryCodes;
  await ok(client.post('/v1/auth/login', { email, password, code }));
  await ok(on.delete('/v1/me/totp'));
  const passkey = new SoftwarePasskey();
  const added = (await ok(addPasskey(on, passkey))).json<{ id: number }>();
  await ok(on.get('/v1/me/passkeys'));
  await ok(on.patch(`/v1/me/passkeys/${added.id}`, { name: 'renamed' }));
  await ok(usePasskey(client, passkey));
  await ok(on.delete(`/v1/me/passkeys/${added.id}`));
  const key = { name: 'a worker', scopes: ['platforms:read'] };
  const made = (await ok(on.post('/v1/api-keys', key))).json<{ id: number; key: string }>();
  await ok(client.as({ accessToken: made.key }).get('/v1/platforms'));
  await ok(on.delete(`/v1/api-keys/${made.id}`));
  const notices = { newSignIn: true, apiKeyMade: true, credentialsRevealed: true, connections: true };
  await ok(on.request('PUT', '/v1/me/notices', { body: notices }));

  await ofWebhooks(on, '/v1/webhooks', fake.origin, ok);

  const reads = [
    '/default',
    '/default/stats',
    '',
    '?includeInactive=true',
    '?refresh=true',
    '?status=connected&limit=5&sort=-name',
  ];
  const ofOne = [
    '',
    '/stats',
    '/stats/history',
    '/stats/activity?days=365',
    '/checks',
    '/audit',
    '/audit?before=999999',
    '/audit?action=credentials.reveal',
  ];
  for (const path of [...reads, ...ofOne.map((rest) => `/${id}${rest}`)])
    await ok(on.get(`/v1/platforms${path}`));
  const own = [
    '/v1/me',
    '/v1/me/export',
    '/v1/me/notices',
    '/v1/sessions',
    '/v1/api-keys',
    '/v1/audit',
    '/v1/audit?after=1',
    '/v1/audit?action=session.begin',
  ];
  for (const path of own) await ok(on.get(path));
  await ok(on.post(`/v1/platforms/${id}/credentials`, { reason: 'To see what it costs' }));
  const activity = { kind: 'post', externalId: '1', status: 'done', occurredAt: '2026-11-22T12:00:00Z' };
  await ok(on.post(`/v1/platforms/${id}/activities`, [activity]));
  await ok(on.patch(`/v1/platforms/${id}`, { name: 'renamed' }));
  await ok(on.put(`/v1/platforms/${id}/default`));
  await ok(on.post('/v1/platforms/cache/refresh'));
  await ok(on.delete('/v1/platforms/cache'));

  await atInstance({ app, person, fake });
  const hooks = (root: HttpClient): Promise<void> => ofWebhooks(root, '/v1/admin/webhooks', fake.origin, ok);
  await admins(app, { rootId: late.user.id, userId: person.id, hooks }, ok);
  await heardOnce(app, person);
  await ok(on.delete(`/v1/platforms/${id}`));
  const [open] = (await ok(client.as(next).get('/v1/sessions'))).json<{ id: number }[]>();
  await ok(on.delete(`/v1/sessions/${open?.id}`));
  await ok(on.delete('/v1/sessions'));
  await ok(
    on.request('PUT', '/v1/me/password', { body: { currentPassword: password, newPassword: password } }),
  );
  await ok(client.post('/v1/auth/logout', { refreshToken: next.refreshToken }));

  await ok(on.post('/v1/me/verify-email'));
  const token = await mails.token('verify-email', account.email);
  await ok(client.post('/v1/auth/verify-email', { token }));
  await ok(client.post('/v1/auth/password-reset', { email: account.email }));
  const body = {
    token: await mails.token('reset-password', account.email),
    newPassword: 'another-password-for-late',
  };
  await ok(client.request('PUT', '/v1/auth/password-reset', { body }));

  const { email: last } = account;
  const latest = (
    await ok(client.post('/v1/auth/login', { email: last, password: body.newPassword }))
  ).json<Session>();
  const changed = { email: 'later@example.org' };
  await ok(client.as(latest).request('PUT', '/v1/me/email', { body: changed }));
  for (const address of [last, changed.email]) {
    const token = await mails.token('change-email', address);
    await ok(client.post('/v1/auth/change-email', { token }));
  }
  await ok(client.as(latest).request('DELETE', '/v1/me', { body: { currentPassword: body.newPassword } }));
}

const cursorOf = (sort: string, id: number): string => encodeCursor({ sort, keys: [id] });

async function admins(
  { client, backends }: TestApp,
  {
    rootId,
    userId,
    hooks,
  }: {
    readonly rootId: number;
    readonly userId: number;
    readonly hooks: (root: HttpClient) => Promise<void>;
  },
  ok: (answer: Promise<TestResponse>) => Promise<TestResponse>,
): Promise<void> {
  await backends.rows(`UPDATE users SET role = 'admin' WHERE id = $1`, [rootId]);
  const root = client.as({ accessToken: await signAccessToken(backends, rootId) });
  for (const query of [
    '',
    'page=100&pageSize=100',
    'platformType=mastodon',
    'platformType=friendica',
    'status=account_disabled',
    'status=connected',
    'platformType=friendica&status=connected',
    'platformType=mastodon&status=token_invalid',
    'search=user777x',
    'label=customer%3D777',
    'label=rare',
    'label=env%3Dlive&label=customer',
    'search=connection',
    'search=instance-77.example&status=connected',
    `userId=${userId}`,
    'limit=200&sort=-id',
    `q=connection&sort=-id&cursor=${cursorOf('-id', 15_000)}`,
    `cursor=${cursorOf('id', 15_000)}&limit=200`,
    `platformType=mastodon&cursor=${cursorOf('id', 15_000)}`,
    `status=connected&sort=-id&cursor=${cursorOf('-id', 15_000)}`,
  ]) {
    await ok(root.get(`/v1/admin/platforms?${query}`));
  }
  for (const query of [
    '',
    'role=admin&sort=-id',
    'disabled=true',
    'disabled=false&limit=100',
    'search=grown-777',
    `role=user&cursor=${cursorOf('id', 5000)}`,
  ])
    await ok(root.get(`/v1/admin/users?${query}`));
  await hooks(root);
  const invited = (await ok(root.post('/v1/admin/invitations', {}))).json<{ id: number }>();
  await ok(root.get('/v1/admin/invitations'));
  await ok(root.delete(`/v1/admin/invitations/${invited.id}`));
  const [other] = await backends.rows<{ id: number }>(
    `SELECT id FROM users WHERE email = 'grown-77@example.org'`,
  );
  const user = `/v1/admin/users/${other?.id}`;
  await ok(root.get(user));
  for (const body of [{ disabled: true }, { disabled: false }])
    await ok(root.request('PATCH', user, { body }));
  await ok(root.delete(`${user}/sessions`));
  await ok(root.delete(user));
  for (const query of ['', '?after=1', '?before=999', '?action=credentials.reveal'])
    await ok(root.get(`/v1/admin/audit${query}`));
  await ok(root.get('/v1/admin/system'));
  await ok(root.get('/v1/admin/cache'));
  await ok(root.post('/v1/admin/cache/warm', { users: 50 }));
  await ok(root.delete(`/v1/admin/cache/users/${userId}`));
}

async function atInstance({ app, person, fake }: Pick<Visitor, 'app' | 'person' | 'fake'>): Promise<void> {
  const { client, backends } = app;
  const on = client.as(person);
  const accessToken = fake.addToken(backends.secrets.make('access-token'));
  const here = await createPlatform({ client: on }, backends.secrets, {
    instanceUrl: fake.origin,
    accessToken,
  });
  await on.post(`/v1/platforms/${here.id}/test`);
  await throughProxy(client, on, here.id);
  await on.post('/v1/instances/lookup', { instance: fake.origin });
  const caller = new Caller(on);
  const begun = await caller.send('POST', '/v1/connect', { instance: fake.origin });
  const consent = await caller.send('GET', String(begun.body.authorizationUrl));
  // Sent to PUBLIC_URL, which is not where this application listens.
  const { pathname, search } = new URL(consent.headers.get('location') ?? '');
  const back = await caller.send('GET', pathname + search, undefined, { Accept: 'application/json' });
  const done = await caller.send('POST', '/v1/connect/finish', back.body);
  await byLink(on, fake);
  const list = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'list_connections' } };
  const tools = await on.post('/mcp', list);
  if (tools.status !== 200) throw new Error(`/mcp: ${tools.status}: ${tools.text}`);
  for (const [method, path, answer] of [
    ['POST', '/v1/connect', begun],
    ['GET', pathname, back],
    ['POST', '/v1/connect/finish', done],
  ] as const) {
    if (answer.status >= 400)
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }
  fake.files.set('/avatars/alice.png', { type: 'image/png', bytes: PICTURES['image/png'] });
  const mine = (await on.get('/v1/platforms')).json<PlatformJson[]>();
  const shown = await on.get(`/v1/platforms/${mine.find(({ hasAvatar }) => hasAvatar)?.id}/avatar`);
  if (shown.status !== 200) throw new Error(`${shown.status}: ${shown.text}`);
  // Something for the watcher, which looks each second.
  await backends.rows('UPDATE platform_watch SET next_check_at = now() WHERE platform_id = $1', [here.id]);
}

async function byLink(on: HttpClient, { origin: instance }: FakeInstance): Promise<void> {
  const guest = new Caller(on.withoutToken());
  const asked = async (path: string, body: object) => {
    const answer = await guest.send('POST', `/v1/connect/guest${path}`, body);
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const made = await on.post('/v1/connect/links', { externalUserId: 'own' });
  const link = new URL(made.json<{ url: string }>().url).hash.slice(1);
  await asked('', { link });
  await asked('/lookup', { link, instance });
  const { authorizationUrl } = await asked('/begin', { link, instance });
  const consent = await guest.send('GET', String(authorizationUrl));
  const { pathname, search } = new URL(consent.headers.get('location') ?? '');
  const back = await guest.send('GET', pathname + search, undefined, { Accept: 'application/json' });
  // The account of the fake is connected already, as the person's own.
  const refused = await guest.send('POST', '/v1/connect/guest/finish', back.body);
  if (refused.body.code !== 'account_taken') throw new Error(`finish: ${JSON.stringify(refused.body)}`);
  const [open] = (await on.get('/v1/connect/links')).json<{ id: number }[]>();
  const revoked = await on.delete(`/v1/connect/links/${open?.id}`);
  if (revoked.status !== 204) throw new Error(`${revoked.status}: ${revoked.text}`);
}

/** With a key that may do everything there. */
async function ofWebhooks(
  on: HttpClient,
  root: string,
  url: string,
  ok: (answer: Promise<TestResponse>) => Promise<TestResponse>,
): Promise<void> {
  await ok(on.get(root));
  const made = await ok(on.post(root, { url, events: ['platform.updated'] }));
  const path = `${root}/${made.json<{ id: number }>().id}`;
  for (const rest of ['', '/deliveries', '/deliveries?status=pending&limit=5']) await ok(on.get(path + rest));
  await ok(on.patch(path, { isActive: false }));
  await ok(on.patch(path, { isActive: true }));
  await ok(on.post(`${path}/secret`));
  const { id } = (await ok(on.post(`${path}/test`))).json<{ id: number }>();
  await ok(on.post(`${path}/deliveries/${id}/resend`));
  await ok(on.post(`${path}/replay`, { fromEventId: 1 }));
  await ok(on.delete(path));
}

async function throughProxy(client: HttpClient, on: HttpClient, id: number): Promise<void> {
  const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
  const made = await on.post('/v1/api-keys', {
    name: 'a user',
    scopes: ['platforms:use'],
    policy: { methods },
  });
  const worker = client.as({ accessToken: made.json<{ key: string }>().key });
  for (const method of methods) {
    const { status, text } = await worker.request(method, `/v1/platforms/${id}/proxy/nodeinfo/2.0`);
    if (status !== 200) throw new Error(`${method}: ${status}: ${text}`);
  }
}

/** The stream, until the first of it has come; from the beginning, so that what was missed is read. */
async function heardOnce({ baseUrl, backends }: TestApp, person: Person): Promise<void> {
  const path = '/v1/events';
  const headers = { Authorization: `Bearer ${person.accessToken}`, 'Last-Event-ID': '1' };
  const answer = await fetch(`${baseUrl}${path}`, { headers });
  const reader = answer.body?.getReader();
  await reader?.read();
  await reader?.cancel();
  backends.exchanges.push({ method: 'GET', path, status: answer.status, headers: {}, text: '' });
}
