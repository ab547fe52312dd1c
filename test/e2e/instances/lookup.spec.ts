import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Caller, type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import { FakeInstances } from '../../support/fake-instance/fake-instances.js';
import type { Misbehaviour } from '../../support/fake-instance/misbehaviour.js';

describe('POST /v1/instances/lookup', () => {
  let app: ConnectApp;
  let caller: Caller;
  let fakes: FakeInstances;

  beforeAll(async () => {
    fakes = await FakeInstances.atMost(60);
    const { allowlist } = fakes;
    app = await startConnectApp({ allowlist, env: { INSTANCE_TIMEOUT_MS: '4000' } });
    caller = await app.signUp();
  });
  afterEach(() => fakes.closeAll());
  afterAll(() => app.close());

  const lookup = (instance: unknown) => caller.send('POST', '/v1/instances/lookup', { instance });

  it.each([
    ['mastodon', 'mastodon', 'A small mastodon', { scopes: ['profile'], pkce: 'S256', forceLogin: true }],
    ['mastodon-old', 'mastodon', 'An old title', { scopes: ['read:accounts'], pkce: 'harmless' }],
    ['hometown', 'mastodon', 'An old title', { scopes: ['read:accounts'] }],
    ['pixelfed', 'pixelfed', 'An old title', { scopes: ['read'], refreshTokens: true }],
    ['pleroma', 'pleroma', 'An old title', { refreshTokens: true }],
    ['akkoma', 'akkoma', 'An old title', { refreshTokens: true }],
    ['gotosocial', 'gotosocial', 'An old title', { scopes: ['profile'], pkce: 'S256' }],
    ['friendica', 'friendica', 'An old title', { scopes: ['read'], revocable: false }],
    ['takahe', 'mastodon_api', 'An old title', { scopes: ['read'], revocable: true }],
    ['snac', 'mastodon_api', 'An old title', { scopes: ['read'], sharedApp: false, revocable: true }],
    ['gotosocial-old', 'gotosocial', 'An old title', { scopes: ['read'], refreshTokens: false }],
    ['hollo', 'mastodon_api', 'A small hollo', { scopes: ['profile'], pkce: 'S256', revocable: true }],
    [
      'something-new',
      'mastodon_api',
      'A small something-new',
      { scopes: ['profile'], pkce: 'S256', revocable: true },
    ],
    ['wordpress', 'mastodon_api', 'An old title', { scopes: ['read'], pkce: 'harmless', revocable: false }],
    ['sharkey', 'mastodon_api', 'An old title', { scopes: ['read'], revocable: true }],
    ['iceshrimp-net', 'mastodon_api', 'An old title', { scopes: ['read'], revocable: true }],
    ['misskey', 'misskey', null, { scopes: ['read:account'], pkce: 'none', revocable: false }],
    ['misskey-old', 'misskey', null, { scopes: ['read:account'], pkce: 'none' }],
    ['cherrypick', 'misskey', null, { scopes: ['read:account'], pkce: 'none' }],
  ] as const)('knows %s as %s', async (software, platformType, title, features) => {
    const fake = await fakes.start(software);
    const { status, body } = await lookup(fake.origin);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      origin: fake.origin,
      software: fake.behaviour.name.toLowerCase(),
      version: fake.behaviour.version,
      title,
      supported: true,
      platformType,
      features,
    });
  });

  it.each(['https://[bad', 'http://', 'https://a b/'])('takes a link to %s for no instance', async (href) => {
    const fake = await fakes.start('mastodon');
    const rel = 'http://nodeinfo.diaspora.software/ns/schema/2.0';
    const bytes = Buffer.from(JSON.stringify({ links: [{ rel, href }] }));
    fake.files.set('/.well-known/nodeinfo', { type: 'application/json', bytes });
    expect(await lookup(fake.origin)).toMatchObject({ status: 400, body: { code: 'not_an_instance' } });
  });

  it('finds by its answers that software which nobody has heard of speaks the Mastodon API', async () => {
    const fake = await fakes.start('takahe');
    fake.nodeinfo = { software: { name: 'brand-new', version: '0.1' } };
    expect((await lookup(fake.origin)).body).toMatchObject({
      software: 'brand-new',
      platformType: 'mastodon_api',
      features: { scopes: ['read'], pkce: 'harmless', revocable: false },
    });
    expect(fake.oauth.apps.size).toBe(0);
  });

  it.each([
    ['server-error', 'instance_error'],
    ['throttled', 'instance_error'],
    ['html', 'instance_blocks_programs'],
  ] as const)('does not take %s for an answer about the API', async (how, code) => {
    const fake = await fakes.start('takahe');
    fake.nodeinfo = { software: { name: 'brand-new', version: '0.1' } };
    fake.misbehaviours.set('/api/v1/apps', how);
    expect(await lookup(fake.origin)).toMatchObject({ status: 400, body: { code } });
  });

  it.each([
    ['/api/miauth/', 'server-error', 'instance_error'],
    ['/api/miauth/', 'challenge-503', 'instance_blocks_programs'],
    ['/api/i', 'throttled', 'instance_error'],
  ] as const)('does not take an answer of %s, %s, for one about the API', async (path, how, code) => {
    const fake = await fakes.start('cherrypick');
    fake.misbehaviours.set(path, how);
    expect(await lookup(fake.origin)).toMatchObject({ status: 400, body: { code } });
  });

  it.each(['html-ok', 'wrong-json', 'not-found'] as const)(
    'takes a server for none of the family whose MiAuth answers %s',
    async (how) => {
      const fake = await fakes.start('cherrypick');
      fake.misbehaviours.set('/api/miauth/', how);
      expect((await lookup(fake.origin)).body).toMatchObject({ supported: false, platformType: null });
    },
  );

  it.each([
    ['peertube', 'peertube'],
    ['blog', 'writefreely'],
  ] as const)('names software that is not supported (%s), and says so', async (kind, software) => {
    const fake = await fakes.start(kind);
    expect((await lookup(fake.origin)).body).toMatchObject({
      software,
      supported: false,
      platformType: null,
      features: null,
    });
  });

  it('does without /api/v1/instance where it is closed to strangers', async () => {
    const fake = await fakes.start('mastodon-old');
    fake.secureMode = true;
    expect((await lookup(fake.origin)).body).toMatchObject({ title: null, platformType: 'mastodon' });
  });

  it('takes what people type, and asks the instance once for all of it', async () => {
    const fake = await fakes.start('gotosocial');
    for (const typed of [
      fake.origin,
      `${fake.origin.toUpperCase()}/`,
      `${fake.origin}/@alice/123?a=b#c`,
      `  ${fake.origin}//settings  `,
    ]) {
      expect([typed, (await lookup(typed)).body.origin]).toEqual([typed, fake.origin]);
    }
    expect(fake.asked('/.well-known/nodeinfo')).toHaveLength(1);
  });

  it('finds the instance of a handle whose domain only names it', async () => {
    const domain = await fakes.start('mastodon');
    const fake = await fakes.start('gotosocial');
    domain.misbehaviours.set('/.well-known/nodeinfo', 'not-found');
    const links = [{ rel: 'self', type: 'application/activity+json', href: `${fake.origin}/users/alice` }];
    const bytes = Buffer.from(JSON.stringify({ links }));
    domain.files.set('/.well-known/webfinger', { type: 'application/jrd+json', bytes });
    expect(await lookup(`@alice@${domain.host}`)).toMatchObject({
      status: 200,
      body: { origin: fake.origin, software: 'gotosocial' },
    });
    expect(domain.requests.map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  it.each([
    ['not-found', 'not_an_instance'],
    ['html-ok', 'not_an_instance'],
    ['wrong-json', 'not_an_instance'],
    ['broken-json', 'not_an_instance'],
    ['wrong-content-type', 'not_an_instance'],
    ['html', 'instance_blocks_programs'],
    ['challenge-503', 'instance_blocks_programs'],
    ['redirect-to-html-login', 'not_an_instance'],
    ['redirect-elsewhere', 'not_an_instance'],
    ['server-error', 'instance_error'],
    ['huge-headers', 'instance_error'],
    ['endless-body', 'instance_error'],
    ['slow-body', 'instance_unreachable'],
    ['hang-up', 'instance_unreachable'],
  ] as const)('explains %s as %s, naming /instance', async (how: Misbehaviour, code) => {
    const fake = await fakes.start('mastodon');
    fake.misbehaviours.set('*', how);
    const { status, body, headers } = await lookup(fake.origin);
    expect(status).toBe(400);
    expect(headers.get('content-type')).toMatch('application/problem+json');
    expect(body).toMatchObject({ code, errors: [{ pointer: '/instance', detail: body.detail }] });
    // The type is an address of this server.
    expect(JSON.stringify({ ...body, type: '' })).not.toMatch(/127\.0\.0\.1|secret-inside/);
    // Refusals are remembered for a short while.
    const asked = fake.requests.length;
    expect((await lookup(fake.origin)).body).toMatchObject({ code, detail: body.detail });
    expect(fake.requests).toHaveLength(asked);
  });

  it('follows no link to another host, and tells which public host was meant', async () => {
    const fake = await fakes.start('mastodon');
    const link = (href: string) => ({
      links: [{ rel: 'http://nodeinfo.diaspora.software/ns/schema/2.0', href }],
    });
    fake.discovery = link('https://social.example.org/nodeinfo/2.0');
    expect((await lookup(fake.origin)).body).toMatchObject({
      code: 'instance_moved',
      detail: 'The instance is not at this address. It says its address is social.example.org.',
    });
    const other = await fakes.start('mastodon');
    other.discovery = link('https://10.0.0.1/latest/meta-data/');
    expect((await lookup(other.origin)).body.detail).toBe('The instance is not at this address.');
  });

  it.each([
    'https://127.0.0.1',
    'https://2130706433',
    'https://0x7f.1',
    'https://169.254.169.254/latest/meta-data/',
    'https://10.0.0.1',
    'https://printer.local',
    '@alice@metadata.google.internal',
    'https://mastodon.example:22',
  ])('refuses %s as blocked_address', async (instance) => {
    expect(await lookup(instance)).toMatchObject({ status: 400, body: { code: 'blocked_address' } });
  });

  it.each([
    'http://mastodon.example',
    'https://user:password@mastodon.example',
    'localhost',
    'https://localhost.',
    'https://[::1]',
    'ftp://mastodon.example',
    '@alice',
    'mastodon',
    ' ',
    '',
    `https://${'a'.repeat(500)}.example`,
    7,
  ])('explains that %j is no address', async (instance) => {
    const { status, body } = await lookup(instance);
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: 'validation_failed', errors: [{ pointer: '/instance' }] });
  });

  it('is closed to strangers', async () => {
    const { status } = await fetch(`${app.baseUrl}/v1/instances/lookup`, { method: 'POST' });
    expect(status).toBe(401);
  });
});
