import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { Backends } from '../../support/backends.js';
import { type Caller, type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import type { FakeInstance } from '../../support/fake-instance/fake-instance.js';
import { FakeInstances } from '../../support/fake-instance/fake-instances.js';
import type { Misbehaviour } from '../../support/fake-instance/misbehaviour.js';
import type { FakeSoftware, TokenState } from '../../support/fake-instance/softwares.js';

const SOFTWARES = [
  'mastodon',
  'mastodon-old',
  'pixelfed',
  'pleroma',
  'akkoma',
  'gotosocial',
  'friendica',
  'takahe',
  'snac',
] as const;
const TOKEN = 'token-of-alice-1234567890';

interface Finding {
  readonly outcome: string;
  readonly detail: string;
  readonly account: Record<string, unknown> | null;
  readonly rateLimit: Record<string, unknown> | null;
  readonly latencyMs: number | null;
  readonly checkedAt: string;
  readonly sameAccountAs: number | null;
}

interface Run {
  readonly outcome: string;
  readonly detail: string;
  readonly checks: number;
  readonly firstAt: string;
  readonly lastAt: string;
  readonly latencyMs: number | null;
}

describe('POST /v1/platforms/:id/test', () => {
  let app: ConnectApp;
  /** The same deployment, that gives up instances which do not answer. */
  let impatient: ConnectApp;
  let backends: Backends;
  let caller: Caller;
  let names = 0;
  let fakes: FakeInstances;

  beforeAll(async () => {
    fakes = await FakeInstances.atMost(160);
    const { allowlist } = fakes;
    backends = await Backends.create();
    backends.secrets.add(TOKEN);
    app = await startConnectApp({ allowlist, backends });
    impatient = await startConnectApp({ allowlist, backends, env: { INSTANCE_TIMEOUT_MS: '500' } });
    caller = await app.signUp();
  });
  afterEach(() => fakes.closeAll());
  afterAll(async () => {
    await app.expectCleanRecord();
    for (const one of [app, impatient]) {
      expect(one.log.join('\n')).not.toContain(TOKEN);
      await one.close();
    }
    await backends.remove();
  });

  async function connect(
    fake: { origin: string },
    software: FakeSoftware,
    more: object = {},
  ): Promise<number> {
    const { status, body } = await caller.send('POST', '/v1/platforms', {
      name: `Connection ${++names}`,
      platformType: ['takahe', 'snac'].includes(software) ? 'mastodon_api' : software.replace('-old', ''),
      instanceUrl: fake.origin,
      accessToken: TOKEN,
      ...more,
    });
    expect(status).toBe(201);
    return Number(body.id);
  }

  async function test(id: number, by = caller): Promise<Finding> {
    const { status, body } = await by.send<Finding>('POST', `/v1/platforms/${id}/test`);
    expect(status).toBe(200);
    return body;
  }

  async function tested(software: FakeSoftware, prepare: (fake: FakeInstance) => void, more?: object) {
    const fake = await fakes.start(software);
    prepare(fake);
    const id = await connect(fake, software, more);
    await caller.send('GET', `/v1/platforms/${id}`);
    const finding = await test(id);
    const view = (await caller.send('GET', `/v1/platforms/${id}`)).body;
    return { fake, id, finding, view };
  }

  it('keeps what was found, in a row for as long as it is the same, and 50 of them', async () => {
    const { fake, id } = await tested('mastodon', (it) => it.addToken(TOKEN));
    const history = async (by = caller) => by.send<Run[]>('GET', `/v1/platforms/${id}/checks`);
    await test(id);
    fake.addToken(TOKEN, 'invalid');
    for (let n = 0; n < 3; n++) await test(id);
    const [broken, well, ...rest] = (await history()).body;
    expect(broken).toMatchObject({ outcome: 'token_invalid', checks: 3, latencyMs: expect.any(Number) });
    expect(well).toMatchObject({
      outcome: 'connected',
      checks: 2,
      detail: 'The instance accepts the access token.',
    });
    expect(rest).toEqual([]);
    expect([broken?.firstAt, broken?.lastAt].toSorted()).toEqual([broken?.firstAt, broken?.lastAt]);
    expect((await history(await app.signUp())).status).toBe(404);

    await backends.rows(
      `INSERT INTO platform_checks (platform_id, outcome, detail, first_at, last_at)
       SELECT $1, 'instance_error', 'number ' || n, now() - make_interval(days => 120 - n), now() - make_interval(days => 120 - n)
       FROM generate_series(1, 80) n`,
      [id],
    );
    fake.addToken(TOKEN);
    await test(id);
    const kept = (await history()).body;
    expect(kept[0]).toMatchObject({ outcome: 'connected', checks: 1 });
    expect(kept).toHaveLength(50);
    const [{ count }] = (await backends.rows<{ count: number }>(
      'SELECT count(*)::integer AS count FROM platform_checks WHERE platform_id = $1',
      [id],
    )) as [{ count: number }];
    expect(count).toBeLessThanOrEqual(50);
  });

  it('fills in a username that was not given, and says which other connection has the account', async () => {
    const reveal = async (id: number) =>
      (await caller.send('POST', `/v1/platforms/${id}/credentials`, { reason: 'Test' })).body;
    const { fake, id, finding, view } = await tested('mastodon', (it) => it.addToken(TOKEN));
    expect(view).toMatchObject({ status: 'connected', username: 'alice' });
    expect(finding.sameAccountAs).toBeNull();
    // The seal covers the username.
    expect(await reveal(id)).toMatchObject({ username: 'alice', accessToken: TOKEN });
    const again = await connect(fake, 'mastodon');
    expect(await test(again)).toMatchObject({ outcome: 'connected', sameAccountAs: id });
    expect((await caller.send('GET', `/v1/platforms/${again}`)).body).toMatchObject({ username: null });
    expect(await test(id)).toMatchObject({ sameAccountAs: again });
    const another = await app.signUp();
    const theirs = await another.send('POST', '/v1/platforms', {
      ...{ name: 'Theirs', platformType: 'mastodon', instanceUrl: fake.origin, accessToken: TOKEN },
    });
    expect(await test(Number(theirs.body.id), another)).toMatchObject({ sameAccountAs: null });
    fake.addToken(TOKEN, 'invalid');
    expect(await test(again)).toMatchObject({ outcome: 'token_invalid', sameAccountAs: null });
  });

  it('fills in one username when two tests of the same account come at once', async () => {
    const fake = await fakes.start('mastodon');
    fake.addToken(TOKEN);
    const ids = [await connect(fake, 'mastodon'), await connect(fake, 'mastodon')];
    const findings = await Promise.all(ids.map((id) => test(id)));
    expect(findings.map(({ outcome }) => outcome)).toEqual(['connected', 'connected']);
    const { body } = await caller.send<readonly { id: number; username: string | null }[]>(
      'GET',
      '/v1/platforms',
    );
    expect(body.filter(({ id, username }) => ids.includes(id) && username === 'alice').length).toBeLessThan(
      2,
    );
  });

  describe.each(SOFTWARES)('%s', (software) => {
    it('connects, and shows the account', async () => {
      const { fake, finding, view } = await tested(software, (it) => it.addToken(TOKEN), {
        username: '@Alice',
      });
      expect(finding).toMatchObject({
        outcome: 'connected',
        latencyMs: expect.any(Number),
        account: {
          id: '1',
          username: 'alice',
          displayName: 'Alice',
          avatarUrl: `${fake.origin}/avatars/alice.png`,
          uri: `${fake.origin}/users/alice`,
        },
      });
      expect(view).toMatchObject({
        status: 'connected',
        lastCheckedAt: finding.checkedAt,
        lastError: null,
        software: fake.behaviour.name.toLowerCase(),
        softwareVersion: fake.behaviour.version,
        username: '@Alice',
      });
    });

    it('reports another account than the username says, and overwrites nothing', async () => {
      const { finding, view } = await tested(software, (it) => it.addToken(TOKEN), { username: 'bob' });
      expect(finding).toMatchObject({ outcome: 'identity_mismatch', account: { username: 'alice' } });
      expect(view).toMatchObject({ status: 'identity_mismatch', username: 'bob', lastError: finding.detail });
    });

    const STATES: readonly (readonly [TokenState, string])[] = [
      ['invalid', 'token_invalid'],
      ['missing-scope', 'scope_missing'],
      ['disabled', 'account_disabled'],
      ['pending', 'account_pending'],
      ['unverified-email', 'account_pending'],
    ];
    it.each(STATES)('calls a token that is %s %s, where it can happen', async (state, outcome) => {
      const fake = await fakes.start(software);
      if (fake.behaviour.refusals[state as Exclude<TokenState, 'good'>] === undefined) return;
      fake.addToken(TOKEN, state);
      const id = await connect(fake, software);
      const finding = await test(id);
      expect(finding).toMatchObject({ outcome, account: null });
      expect((await caller.send('GET', `/v1/platforms/${id}`)).body).toMatchObject({
        status: outcome,
        lastError: finding.detail,
        lastCheckedAt: finding.checkedAt,
      });
    });

    it('says when it is asked too much, where it can happen', async () => {
      const fake = await fakes.start(software);
      if (fake.behaviour.rateLimited === null) return;
      fake.rateLimited = true;
      const finding = await test(await connect(fake, software));
      expect(finding.outcome).toBe('rate_limited');
      if (fake.behaviour.rateLimited.headers !== undefined) {
        expect(finding.rateLimit).toMatchObject({ limit: 300, remaining: 0, resetsAt: expect.any(String) });
      }
    });

    const TROUBLE: readonly (readonly [Misbehaviour, 'api' | 'all', string])[] = [
      ['silent', 'all', 'instance_unreachable'],
      ['slow-body', 'all', 'instance_unreachable'],
      ['hang-up', 'all', 'instance_unreachable'],
      ['server-error', 'api', 'instance_error'],
      ['no-such-status', 'api', 'instance_error'],
      ['teapot', 'api', 'instance_error'],
      ['html', 'api', 'instance_blocks_programs'],
      ['challenge-503', 'api', 'instance_blocks_programs'],
      ['html-ok', 'api', 'instance_error'],
      ['redirect-to-html-login', 'api', 'instance_error'],
      ['wrong-json', 'api', 'instance_error'],
      ['broken-json', 'api', 'instance_error'],
      ['endless-body', 'api', 'instance_error'],
      ['huge-headers', 'api', 'instance_error'],
      ['wrong-content-type', 'api', 'instance_error'],
      ['html', 'all', 'instance_blocks_programs'],
      ['html-ok', 'all', 'not_an_instance'],
      ['not-found', 'all', 'not_an_instance'],
      ['redirect-elsewhere', 'all', 'not_an_instance'],
    ];
    it('finds the right trouble for each way to misbehave', async () => {
      const fake = await fakes.start(software);
      const id = await connect(fake, software);
      for (const [how, where, outcome] of TROUBLE) {
        fake.misbehaviours.clear();
        fake.misbehaviours.set(where === 'all' ? '*' : '/api/v1/accounts/verify_credentials', how);
        const at = ['silent', 'slow-body'].includes(how) ? impatient : app;
        if (where === 'all') await at.forgetInstance(fake.origin);
        const finding = await test(id, caller.at(at.baseUrl));
        expect([how, where, finding.outcome]).toEqual([how, where, outcome]);
        expect(finding.account).toBeNull();
        expect(JSON.stringify(finding)).not.toMatch(/127\.0\.0\.1|secret-inside|ECONN/);
        if (where === 'all') await at.forgetInstance(fake.origin);
      }
    });

    it('finds a dead instance unreachable', async () => {
      const fake = await fakes.start(software);
      const id = await connect(fake, software);
      await fakes.close(fake);
      expect(await test(id)).toMatchObject({ outcome: 'instance_unreachable', latencyMs: null });
    });

    it('asks nobody with credentials that cannot be opened', async () => {
      const fake = await fakes.start(software);
      const id = await connect(fake, software);
      await app.app
        .get(DataSource)
        .query(`UPDATE platform_connections SET seal = 'broken' WHERE id = $1`, [id]);
      expect(await test(id)).toMatchObject({ outcome: 'needs_reconnect', latencyMs: null, account: null });
      expect(fake.connections).toBe(0);
    });

    it('asks no address that is not public', async () => {
      for (const origin of [
        'https://127.0.0.1',
        'https://169.254.169.254',
        'https://mastodon.example:8443',
      ]) {
        const id = await connect({ origin }, software);
        expect(await test(id)).toMatchObject({
          outcome: 'blocked_address',
          latencyMs: null,
          detail: 'Connections to this address are not allowed.',
        });
        const { body } = await caller.send('GET', `/v1/platforms/${id}`);
        expect(body.status).toBe('blocked_address');
      }
    });
  });

  it('keeps the labels of the software bounded and plain, and forgets them with the instance', async () => {
    const { fake, id, view } = await tested('mastodon', (it) => {
      it.addToken(TOKEN);
      it.nodeinfo = { software: { name: 'mastodon', version: `<b>4.4</b>\u202e${'9'.repeat(150)}` } };
    });
    expect(view).toMatchObject({
      software: 'mastodon',
      softwareVersion: expect.stringMatching(/^4\.4 9{95,96}$/),
    });
    const other = await fakes.start('pleroma');
    const moved = await caller.send('PATCH', `/v1/platforms/${id}`, {
      instanceUrl: other.origin,
      accessToken: TOKEN,
    });
    expect(moved.body).toMatchObject({ software: null, softwareVersion: null });
    expect(fake.asked('/.well-known/nodeinfo')).toHaveLength(1);
  });

  it('needs no nodeinfo to test a token', async () => {
    const { finding, view } = await tested('mastodon', (fake) => {
      fake.addToken(TOKEN);
      fake.misbehaviours.set('/.well-known/nodeinfo', 'not-found');
    });
    expect(finding.outcome).toBe('connected');
    expect(view).toMatchObject({ software: null, softwareVersion: null });
  });

  it.each(['mastodon', 'gotosocial'] as const)('reads the rate limit of %s', async (software) => {
    const { finding } = await tested(software, (it) => it.addToken(TOKEN));
    expect(finding.rateLimit).toMatchObject({ limit: 300, remaining: 299, resetsAt: expect.any(String) });
  });

  it.each(['alice', '@ALICE', 'alice@127.0.0.1', ' alice'])('takes %j for the account', async (username) => {
    const fake = await fakes.start('mastodon');
    fake.addToken(TOKEN);
    const host = fake.host;
    const id = await connect(fake, 'mastodon', { username: username.replace('127.0.0.1', host) });
    expect((await test(id)).outcome).toBe('connected');
  });

  it('takes alice of another host for another account', async () => {
    const { finding } = await tested('mastodon', (it) => it.addToken(TOKEN), {
      username: 'alice@other.example',
    });
    expect(finding.outcome).toBe('identity_mismatch');
  });

  it('takes alice of a domain that names this instance for the account', async () => {
    const fake = await fakes.start('gotosocial');
    fake.addToken(TOKEN);
    const domain = await fakes.start('mastodon');
    const id = await connect(fake, 'gotosocial', { username: `@alice@${domain.host}` });
    const names = (href: string) => {
      const links = [{ rel: 'self', type: 'application/activity+json', href }];
      const bytes = Buffer.from(JSON.stringify({ links }));
      domain.files.set('/.well-known/webfinger', { type: 'application/jrd+json', bytes });
    };
    names(`${fake.origin}/users/alice`);
    expect((await test(id)).outcome).toBe('connected');
    names('https://other.example/users/alice');
    expect((await test(id)).outcome).toBe('identity_mismatch');
    expect(domain.requests.every(({ authorization }) => authorization === undefined)).toBe(true);
  });

  it('says where an account has moved, which its token still opens', async () => {
    const { finding, view } = await tested('mastodon', (fake) => {
      fake.addToken(TOKEN);
      const moved = { id: '9', acct: 'alice@new.example', url: 'https://new.example/@alice' };
      fake.accounts.set('1', { username: 'alice', displayName: 'Alice', moved });
    });
    const detail = 'The account has moved to @alice@new.example. Connect the new one.';
    expect(finding).toMatchObject({ outcome: 'account_moved', account: { username: 'alice' }, detail });
    expect(view).toMatchObject({ status: 'account_moved', lastError: detail, hasAvatar: true });
  });

  it('says where an instance has moved', async () => {
    const { finding, view } = await tested('mastodon', (fake) => {
      const path = '/api/v1/accounts/verify_credentials';
      fake.redirects.set(path, `https://new.example.org${path}`);
    });
    const detail = 'The instance is not at this address. It says its address is new.example.org.';
    expect(finding).toMatchObject({ outcome: 'instance_moved', account: null, detail });
    expect(view).toMatchObject({ status: 'instance_moved', lastError: detail });
  });

  it('takes no account whose name has the token in it, for names are shown', async () => {
    const { finding, view } = await tested('mastodon', (fake) => {
      fake.addToken(TOKEN);
      fake.accounts.set('1', { username: 'alice', displayName: `Hello ${TOKEN}` });
    });
    expect(finding).toMatchObject({ outcome: 'instance_error', account: null });
    expect(JSON.stringify([finding, view])).not.toContain(TOKEN);
  });

  it.each([
    ['in the path of the picture', (token: string) => `https://mastodon.example/${token}.png`],
    ['in its query', (token: string) => `https://mastodon.example/a.png?${token}`],
  ])(
    'stores nothing that repeats the token %s, in which a URL parser escapes a part of it',
    async (_where, of) => {
      const token = 'a"token<of>`Pieces`';
      const { finding, view } = await tested(
        'mastodon',
        (fake) => {
          fake.addToken(token);
          fake.accounts.set('1', { username: 'alice', displayName: 'Alice', avatar: of(token) });
        },
        { accessToken: token },
      );
      expect(finding).toMatchObject({ outcome: 'instance_error', account: null });
      expect(view).toMatchObject({ hasAvatar: false });
    },
  );

  it('stores only plain, bounded text of what the instance says', async () => {
    const { finding } = await tested('mastodon', (fake) => {
      fake.addToken(TOKEN);
      fake.accounts.set('1', {
        username: 'alice',
        displayName: `<script>x</script>\u0000\u202e${'y'.repeat(10_000)}`,
      });
    });
    expect(finding.account?.displayName).toMatch(/^x y+$/);
    expect(String(finding.account?.displayName)).toHaveLength(200);
  });

  it('tests on create, and on a changed token, when asked to', async () => {
    const fake = await fakes.start('mastodon');
    const created = await caller.send('POST', '/v1/platforms?test=true', {
      name: 'Tested at once',
      platformType: 'mastodon',
      instanceUrl: fake.origin,
      accessToken: TOKEN,
    });
    expect(created).toMatchObject({ status: 201, body: { status: 'token_invalid' } });
    fake.addToken(`${TOKEN}-2`);
    const path = `/v1/platforms/${String(created.body.id)}?test=true`;
    const changed = await caller.send('PATCH', path, { accessToken: `${TOKEN}-2` });
    expect(changed).toMatchObject({ status: 200, body: { status: 'connected', lastError: null } });
    expect(changed.headers.get('etag')).toBe(`"${String(changed.body.version)}"`);
  });

  describe('asked for with a write, answers for the write', () => {
    /** Writes, and lets something happen while the instance is asked. */
    async function write(meanwhile: (id: number) => Promise<unknown>) {
      const fake = await fakes.start('mastodon');
      fake.addToken(`${TOKEN}-4`);
      const id = await connect(fake, 'mastodon');
      const gate = fake.hold('/api/v1/accounts/verify_credentials');
      const path = `/v1/platforms/${id}?test=true`;
      const writing = caller.send('PATCH', path, { name: 'Written', accessToken: `${TOKEN}-4` });
      await gate.arrived;
      await meanwhile(id);
      gate.open();
      return writing;
    }

    it('when the connection is gone before its test has ended', async () => {
      const answer = await write((id) => caller.send('DELETE', `/v1/platforms/${id}`));
      expect(answer).toMatchObject({ status: 200, body: { name: 'Written', status: 'unchecked' } });
    });

    it('when the finding cannot be stored', async () => {
      const dataSource = new DataSource({ type: 'postgres', url: backends.databaseUrl });
      const locker = (await dataSource.initialize()).createQueryRunner();
      try {
        await locker.startTransaction();
        const answer = await write((id) =>
          locker.query('SELECT 1 FROM platform_connections WHERE id = $1 FOR UPDATE', [id]),
        );
        expect(answer).toMatchObject({ status: 200, body: { name: 'Written', status: 'unchecked' } });
      } finally {
        await locker.rollbackTransaction();
        await locker.release();
        await dataSource.destroy();
      }
    });
  });

  it('keeps nothing of a test whose token was changed meanwhile', async () => {
    const fake = await fakes.start('mastodon');
    fake.addToken(TOKEN);
    const id = await connect(fake, 'mastodon');
    const gate = fake.hold('/api/v1/accounts/verify_credentials');
    const testing = test(id);
    await gate.arrived;
    await caller.send('PATCH', `/v1/platforms/${id}`, { accessToken: `${TOKEN}-3` });
    gate.open();
    expect((await testing).outcome).toBe('connected');
    expect((await caller.send('GET', `/v1/platforms/${id}`)).body).toMatchObject({
      status: 'unchecked',
      lastCheckedAt: null,
    });
  });

  it('answers the same 404 for an absent connection and for that of another user', async () => {
    const fake = await fakes.start('mastodon');
    const id = await connect(fake, 'mastodon');
    const stranger = await app.signUp();
    const foreign = await stranger.send('POST', `/v1/platforms/${id}/test`);
    const absent = await stranger.send('POST', '/v1/platforms/2000000000/test');
    const bare = ({ body }: typeof foreign) => ({ ...body, instance: '', requestId: '' });
    expect(foreign.status).toBe(404);
    expect(bare(foreign)).toEqual(bare(absent));
    expect(fake.requests).toEqual([]);
  });
});
