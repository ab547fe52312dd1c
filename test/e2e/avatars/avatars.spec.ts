import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { type Person, type PlatformJson, createPlatform, register, unique } from '../../support/factories.js';
import { type FakeInstance, startFakeInstance } from '../../support/fake-instance/fake-instance.js';
import { PICTURES } from '../../support/fake-instance/pictures.js';
import { expectProblem, withoutOccurrence } from '../../support/problems.js';
import { freePorts } from '../../support/servers/free-port.js';

const PNG = PICTURES['image/png'];
const MAX_BYTES = 1024 * 1024;

describe('GET /v1/platforms/:id/avatar', () => {
  let app: TestApp;
  let ada: Person;
  let fake: FakeInstance;
  let token: string;
  let unheard: number;
  /** Allowed as an instance, like the first one. */
  let other: FakeInstance;

  beforeAll(async () => {
    const [port = 0, silent = 0, otherPort = 0] = await freePorts(3);
    unheard = silent;
    other = await startFakeInstance('mastodon', { port: otherPort });
    fake = await startFakeInstance('mastodon', { port });
    app = await startTestApp({
      env: {
        INSTANCE_HOST_ALLOWLIST: `${fake.host},${other.host},127.0.0.1:${silent}`,
        INSTANCE_TIMEOUT_MS: '1500',
        RATE_LIMIT_ENABLED: 'false',
      },
    });
    ada = await register(app.client, app.backends.secrets);
    token = fake.addToken(app.backends.secrets.make('access-token'));
  });
  afterEach(() => {
    fake.files.clear();
    fake.misbehaviours.clear();
    fake.redirects.clear();
  });
  afterAll(async () => {
    await app.close();
    await Promise.all([fake.close(), other.close()]);
  });

  /** A path that nobody has asked for: pictures are kept. */
  const newPath = (): string => `/avatars/${unique()}`;

  /** A tested connection, whose instance says that the picture is there. */
  async function connected(avatar: unknown): Promise<PlatformJson> {
    fake.accounts.set('1', { username: 'alice', displayName: 'Alice', avatar });
    const created = await createPlatform(ada, app.backends.secrets, {
      instanceUrl: fake.origin,
      username: null,
      accessToken: token,
    });
    expect(created.hasAvatar).toBe(false);
    await test(created.id);
    return view(created.id);
  }

  const test = (id: number) => ada.client.post(`/v1/platforms/${id}/test`);
  const view = async (id: number): Promise<PlatformJson> =>
    (await ada.client.get(`/v1/platforms/${id}`)).json<PlatformJson>();
  const avatar = (id: number, by = ada) => by.client.get(`/v1/platforms/${id}/avatar`);

  async function serving(type: string, bytes: Buffer): Promise<{ id: number; path: string }> {
    const path = newPath();
    fake.files.set(path, { type, bytes });
    return { id: (await connected(`${fake.origin}${path}`)).id, path };
  }

  it.each(Object.entries(PICTURES))('serves %s as it is, fit for no other use', async (type, bytes) => {
    const { id, path } = await serving(type, bytes);
    const answer = await fetch(`${app.baseUrl}/v1/platforms/${id}/avatar`, {
      headers: { Authorization: `Bearer ${ada.accessToken}` },
    });
    expect(answer.status).toBe(200);
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(bytes);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': type,
      'content-security-policy': expect.stringMatching(/^default-src 'none';.* sandbox$/),
      'x-content-type-options': 'nosniff',
      'cache-control': 'private, no-cache',
    });
    // The token is for the instance's API, not for whoever keeps its pictures.
    expect(fake.asked(path).map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  it('asks once for a picture that many want at the same time, and no more for a while', async () => {
    const { id, path } = await serving('image/png', PNG);
    const held = fake.hold(path);
    const many = Promise.all(Array.from({ length: 10 }, () => avatar(id)));
    await held.arrived;
    held.open();
    expect(new Set((await many).map(({ status }) => status))).toEqual(new Set([200]));
    expect((await avatar(id)).status).toBe(200);
    expect(fake.asked(path).length).toBe(1);
  });

  const NO_PICTURES: readonly (readonly [string, string, Buffer])[] = [
    ['a page', 'text/html', Buffer.from('<html>Welcome</html>')],
    ['a page that is called a picture', 'image/png', Buffer.from('<html>Welcome</html>')],
    ['an SVG', 'image/svg+xml', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')],
    ['an SVG that is called a PNG', 'image/png', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')],
    ['a picture that is not called one', 'application/octet-stream', PNG],
    ['nothing at all', 'image/png', Buffer.alloc(0)],
    ['too much', 'image/png', Buffer.concat([PNG, Buffer.alloc(MAX_BYTES)])],
  ];
  it.each(NO_PICTURES)('answers 404 for %s', async (_what, type, bytes) => {
    const { id } = await serving(type, bytes);
    expectProblem(await avatar(id), 404, 'no_avatar');
  });

  it('serves the largest that it takes', async () => {
    const { id } = await serving('image/png', Buffer.concat([PNG, Buffer.alloc(MAX_BYTES - PNG.length)]));
    expect((await avatar(id)).header('content-length')).toBe(String(MAX_BYTES));
  });

  it.each(['redirect-elsewhere', 'server-error', 'not-found', 'silent', 'hang-up', 'no-http'] as const)(
    'answers 404 when the instance answers badly (%s), and serves it when that is over',
    async (how) => {
      const { id, path } = await serving('image/png', PNG);
      fake.misbehaviours.set(path, how);
      expectProblem(await avatar(id), 404, 'no_avatar');
      fake.misbehaviours.clear();
      expect((await avatar(id)).status).toBe(200);
    },
  );

  it('serves a picture that lies behind a redirect, and sends nothing along', async () => {
    const { id, path } = await serving('image/png', PNG);
    const storage = newPath();
    fake.files.set(storage, { type: 'image/png', bytes: PNG });
    fake.redirects.set(path, `${fake.origin}${path}/`).set(`${path}/`, storage);
    expect((await avatar(id)).status).toBe(200);
    expect(fake.asked(storage).map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  it('does not follow a redirect to an address that it would not ask, nor one after the other', async () => {
    const { id, path } = await serving('image/png', PNG);
    other.files.set('/inside.png', { type: 'image/png', bytes: PNG });
    for (const target of [`${other.origin}/inside.png`, 'https://169.254.169.254/a.png', path, 'file:///a']) {
      fake.redirects.set(path, target);
      expectProblem(await avatar(id), 404, 'no_avatar');
    }
    expect(other.connections).toBe(0);
    // The last of three redirects, that led to the picture itself.
    expect(fake.asked(path)).toHaveLength(6);
  });

  it('says the same of every address that it does not ask, or where nobody answers', async () => {
    const { origin } = fake;
    const inside = await startFakeInstance('mastodon');
    other.files.set('/inside.png', { type: 'image/png', bytes: PNG });
    const answers = new Set<string>();
    for (const address of [
      `${inside.origin}/inside.png`,
      `${other.origin}/inside.png`,
      'https://127.0.0.1/inside.png',
      'http://10.0.0.1/inside.png',
      'https://169.254.169.254/latest/meta-data/',
      'https://printer.local/a.png',
      'http://mastodon.example/a.png',
      `${origin.replace('http://', 'http://user:password@')}${newPath()}`,
      `http://127.0.0.1:${unheard}/a.png`,
    ]) {
      const { id } = await connected(address);
      const answer = await avatar(id);
      expectProblem(answer, 404, 'no_avatar');
      answers.add(withoutOccurrence(answer));
    }
    expect(answers.size).toBe(1);
    expect([inside.connections, other.connections]).toEqual([0, 0]);
    await inside.close();
  });

  it.each([
    ['no address', null],
    ['no web address', 'javascript:alert(1)'],
    ['something else', { url: 'https://mastodon.example/a.png' }],
    ['an address that is too long', `https://mastodon.example/${'x'.repeat(2000)}`],
    ['one that gets too long in ASCII', `https://mastodon.example/${'ü'.repeat(1900)}`],
  ])('has none when the instance gives %s', async (_what, address) => {
    const { id, hasAvatar, status } = await connected(address);
    expect({ status, hasAvatar }).toEqual({ status: 'connected', hasAvatar: false });
    expectProblem(await avatar(id), 404, 'no_avatar');
  });

  it('keeps an address that no column would take as the URL parser spells it', async () => {
    const path = newPath();
    fake.files.set(`${path}%00%EF%BF%BD`, { type: 'image/png', bytes: PNG });
    const { id } = await connected(`${fake.origin}${path}\u0000\ud800`);
    expect((await avatar(id)).status).toBe(200);
  });

  it('answers the same 404 for an absent connection and another user’s, and asks nobody', async () => {
    const { id, path } = await serving('image/png', PNG);
    const eve = await register(app.client, app.backends.secrets);
    const foreign = await avatar(id, eve);
    expectProblem(foreign, 404, 'platform_not_found');
    expectProblem(await avatar(2_000_000_000), 404, 'platform_not_found');
    expectProblem(await ada.client.get('/v1/platforms/x/avatar'), 400, 'validation_failed', ['#id']);
    expect(fake.asked(path)).toEqual([]);
  });

  it('changes nothing, while what a test finds is a new version', async () => {
    const { id } = await serving('image/png', PNG);
    const before = await view(id);
    expect(before).toMatchObject({ hasAvatar: true, status: 'connected', version: 2 });
    await avatar(id);
    expect(await view(id)).toEqual(before);
    fake.accounts.set('1', { username: 'alice', displayName: 'Alice', avatar: null });
    await test(id);
    expect(await view(id)).toMatchObject({ hasAvatar: false, version: 3 });
    expectProblem(await avatar(id), 404, 'no_avatar');
  });

  it('forgets it with the account: a new token may be somebody else’s', async () => {
    const { id } = await serving('image/png', PNG);
    const accessToken = app.backends.secrets.make('access-token');
    const renewed = await ada.client.patch(`/v1/platforms/${id}`, { accessToken });
    expect(renewed.json()).toMatchObject({ status: 'unchecked', hasAvatar: false });
    expectProblem(await avatar(id), 404, 'no_avatar');
  });

  it.each([
    ['with a token of its own', true],
    ['with the token that was there', false],
  ])('does not take the picture of another account than the username says, %s', async (_how, withToken) => {
    const { id } = await serving('image/png', PNG);
    const somebody = { username: withToken ? 'bob' : 'carol', ...(withToken && { accessToken: token }) };
    expect((await ada.client.patch(`/v1/platforms/${id}`, somebody)).status).toBe(200);
    expect((await test(id)).json()).toMatchObject({ outcome: 'identity_mismatch' });
    expect(await view(id)).toMatchObject({ hasAvatar: false });
  });

  it('is sent again only when it is another one, and to its owner only', async () => {
    const { id } = await serving('image/png', PNG);
    const etag = (await avatar(id)).header('etag') ?? '';
    const again = (by = ada) => by.client.get(`/v1/platforms/${id}/avatar`, { 'If-None-Match': etag });
    const unchanged = await again();
    expect([unchanged.status, unchanged.text]).toEqual([304, '']);
    const eve = await register(app.client, app.backends.secrets);
    expectProblem(await again(eve), 404, 'platform_not_found');

    const path = newPath();
    fake.files.set(path, { type: 'image/gif', bytes: PICTURES['image/gif'] });
    fake.accounts.set('1', { username: 'alice', displayName: 'Alice', avatar: `${fake.origin}${path}` });
    await test(id);
    const changed = await again();
    expect([changed.status, changed.header('content-type')]).toEqual([200, 'image/gif']);
  });
});
