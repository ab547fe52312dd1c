import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Backends } from '../../support/backends.js';
import { unique } from '../../support/factories.js';
import { type Caller, type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import type { FakeInstance } from '../../support/fake-instance/fake-instance.js';
import { FakeInstances } from '../../support/fake-instance/fake-instances.js';
import { attemptOf, begin, finishAttempt, listOf } from '../../support/fake-instance/oauth-steps.js';

const NOT_FOUND = {
  title: 'Connection attempt not found',
  status: 404,
  code: 'attempt_not_found',
  detail: 'This attempt has expired, was already used or was not started by you. Start again.',
};

describe('POST /v1/connect/finish', () => {
  let backends: Backends;
  let app: ConnectApp;
  let fakes: FakeInstances;

  beforeAll(async () => {
    fakes = await FakeInstances.atMost(20);
    backends = await Backends.create();
    app = await startConnectApp({ allowlist: fakes.allowlist, backends });
  });
  afterEach(() => fakes.closeAll());
  afterAll(async () => {
    const log = app.log.join('\n');
    const stored = JSON.stringify(await backends.rows('SELECT * FROM connect_attempts'));
    await app.expectCleanRecord();
    await app.close();
    await backends.remove();
    expect(fakes.secrets.length).toBeGreaterThan(10);
    for (const secret of fakes.secrets) expect(log + stored).not.toContain(secret);
  });

  interface Answered {
    readonly fake: FakeInstance;
    readonly caller: Caller;
    readonly attempt: string;
  }

  /** An attempt whose browser has come back. */
  async function answered(caller?: Caller): Promise<Answered> {
    const fake = await fakes.start('mastodon');
    const owner = caller ?? (await app.signUp());
    return { fake, caller: owner, attempt: await attemptOf(owner, await begin(owner, fake)) };
  }

  const exchanges = (fake: FakeInstance) => fake.asked('/oauth/token').filter(({ form }) => form.has('code'));

  /** Nothing has used it up: its user can still finish it. */
  async function expectUnused({ fake, caller, attempt }: Answered): Promise<void> {
    expect(exchanges(fake)).toEqual([]);
    expect(await finishAttempt(caller, attempt)).toMatchObject({ status: 200 });
  }

  /** The answer, without what differs between any two answers. */
  async function refusal(caller: Caller, attempt: string): Promise<Record<string, unknown>> {
    const { body } = await finishAttempt(caller, attempt);
    const { requestId, ...same } = body;
    expect(requestId).toEqual(expect.any(String));
    return same;
  }

  it('needs a bearer token', async () => {
    const one = await answered();
    expect(await finishAttempt(one.caller.browser(), one.attempt)).toMatchObject({ status: 401 });
    await expectUnused(one);
  });

  it('answers about the attempt of another user as about an absent one, and does not use it up', async () => {
    const one = await answered();
    const stranger = await app.signUp();
    const absent = await refusal(stranger, 'x'.repeat(43));
    expect(absent).toMatchObject(NOT_FOUND);
    expect(await refusal(stranger, one.attempt)).toEqual(absent);
    expect(await refusal(stranger, 'malformed')).toEqual(absent);
    expect(await listOf(stranger)).toEqual([]);
    await expectUnused(one);
  });

  it('is refused in a browser that has the cookie of another attempt only, and does not use it up', async () => {
    const one = await answered();
    const own = [...one.caller.cookies];
    const other = await answered();
    one.caller.cookies.clear();
    for (const [name, value] of other.caller.cookies) one.caller.cookies.set(name, value);
    expect(await refusal(one.caller, one.attempt)).toMatchObject(NOT_FOUND);
    // Under the name of its own cookie too.
    const [, value = ''] = [...other.caller.cookies][0] ?? [];
    one.caller.cookies.clear();
    for (const [name] of own) one.caller.cookies.set(name, value);
    expect(await refusal(one.caller, one.attempt)).toMatchObject(NOT_FOUND);
    one.caller.cookies.clear();
    for (const [name, value] of own) one.caller.cookies.set(name, value);
    await expectUnused(one);
  });

  it('works in one browser for several attempts at once, and for a program that keeps no cookies', async () => {
    const caller = await app.signUp();
    const [one, other] = [await answered(caller), await answered(caller)];
    await expectUnused(one);
    caller.cookies.clear();
    await expectUnused(other);
  });

  it('is for programs with platforms:write too', async () => {
    const one = await answered();
    for (const [scope, status] of [
      ['platforms:read', 403],
      ['platforms:write', 200],
    ] as const) {
      const { body } = await one.caller.send('POST', '/v1/api-keys', { name: unique(), scopes: [scope] });
      const headers = { Authorization: `Bearer ${String(body.key)}` };
      const sent = { attempt: one.attempt };
      expect(await one.caller.send('POST', '/v1/connect/finish', sent, headers)).toMatchObject({ status });
    }
  });

  it('works once, also when it comes twice at the same time', async () => {
    const { fake, caller, attempt } = await answered();
    const both = await Promise.all([finishAttempt(caller, attempt), finishAttempt(caller, attempt)]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 404]);
    expect(await refusal(caller, attempt)).toMatchObject(NOT_FOUND);
    expect(exchanges(fake)).toHaveLength(1);
    expect(await listOf(caller)).toHaveLength(1);
  });

  it('is refused when the attempt has expired', async () => {
    const { fake, caller, attempt } = await answered();
    await backends.rows(`UPDATE connect_attempts SET expires_at = now() - interval '1 second'`);
    expect(await refusal(caller, attempt)).toMatchObject(NOT_FOUND);
    expect(exchanges(fake)).toEqual([]);
  });

  it('takes no state for an attempt', async () => {
    const fake = await fakes.start('mastodon');
    const caller = await app.signUp();
    const { callback } = await begin(caller, fake);
    const state = new URL(callback).searchParams.get('state') ?? '';
    expect(await refusal(caller, state)).toMatchObject(NOT_FOUND);
  });

  it('does not exchange the code of another attempt: its challenge is met by the other verifier only', async () => {
    const fake = await fakes.start('mastodon');
    const caller = await app.signUp();
    const [one, other] = [await begin(caller, fake), await begin(caller, fake)];
    const mixed = new URL(one.callback);
    mixed.searchParams.set('code', new URL(other.callback).searchParams.get('code') ?? '');
    const attempt = await attemptOf(caller, { callback: mixed.href });
    expect(await finishAttempt(caller, attempt)).toMatchObject({
      status: 400,
      body: { code: 'invalid_grant' },
    });
    expect(await listOf(caller)).toEqual([]);
  });

  it.each(['verifier', 'code', 'verifier, code'])(
    'sends nothing anywhere when somebody has put in the %s of another attempt of the same user',
    async (columns) => {
      const fake = await fakes.start('mastodon');
      const caller = await app.signUp();
      const attempts = [];
      for (let n = 0; n < 2; n += 1) attempts.push(await attemptOf(caller, await begin(caller, fake)));
      await backends.rows(
        `UPDATE connect_attempts a SET (${columns}) = (
           SELECT ${columns} FROM connect_attempts o WHERE o.origin = a.origin AND o.state_hash <> a.state_hash
         ) WHERE a.origin = $1`,
        [fake.origin],
      );
      for (const attempt of attempts) expect(await refusal(caller, attempt)).toMatchObject(NOT_FOUND);
      expect(exchanges(fake)).toEqual([]);
    },
  );

  it('sends nothing anywhere when somebody has made the attempt of another user their own', async () => {
    const { fake, attempt } = await answered();
    const thief = await app.signUp();
    const { id } = (await thief.send('GET', '/v1/me')).body;
    await backends.rows('UPDATE connect_attempts SET user_id = $1 WHERE origin = $2', [id, fake.origin]);
    expect(await refusal(thief, attempt)).toMatchObject(NOT_FOUND);
    expect(exchanges(fake)).toEqual([]);
  });

  it.each([{}, { attempt: 5 }, { attempt: '' }, { attempt: 'x'.repeat(101) }])(
    'answers 400 to %j',
    async (body) => {
      const caller = await app.signUp();
      expect(await caller.send('POST', '/v1/connect/finish', body)).toMatchObject({
        status: 400,
        body: { errors: [{ pointer: '/attempt' }] },
      });
    },
  );

  it('is in the audit trail, whether it connects or not', async () => {
    const one = await answered();
    const { body } = await finishAttempt(one.caller, one.attempt);
    const denied = await answered(one.caller);
    await denied.fake.close();
    expect(await finishAttempt(one.caller, denied.attempt)).toMatchObject({ status: 400 });
    const trail = await one.caller.send<{ entries: object[] }>('GET', '/v1/audit?action=connect.finish');
    expect(trail.body.entries).toMatchObject([
      {
        outcome: expect.not.stringMatching(/^(connected|renewed)$/),
        platformId: null,
        detail: denied.fake.origin,
      },
      { outcome: 'connected', platformId: body.platformId, detail: one.fake.origin, actor: 'user' },
    ]);
  });
});
