import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { instanceTypeOf } from '../../../src/instances/software.js';
import { Backends } from '../../support/backends.js';
import { type Caller, type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import type { FakeInstance } from '../../support/fake-instance/fake-instance.js';
import { FakeInstances } from '../../support/fake-instance/fake-instances.js';
import type { Misbehaviour } from '../../support/fake-instance/misbehaviour.js';
import { begin, comeBack, finish, listOf } from '../../support/fake-instance/oauth-steps.js';
import { BEHAVIOURS, type FakeSoftware, type TokenState } from '../../support/fake-instance/softwares.js';
import { markedSecret } from '../../support/secrets.js';

/** All that connect by OAuth. */
const SOFTWARES = [
  'mastodon',
  'mastodon-old',
  'hometown',
  'pixelfed',
  'pleroma',
  'akkoma',
  'gotosocial',
  'gotosocial-old',
  'friendica',
  'sharkey',
  'iceshrimp-net',
  'takahe',
  'hollo',
  'snac',
  'wordpress',
  'something-new',
] as const satisfies readonly FakeSoftware[];

/** platform-test.spec.ts tests the tokens of the others. */
const TESTED_HERE = [
  'hometown',
  'gotosocial-old',
  'sharkey',
  'iceshrimp-net',
  'hollo',
  'wordpress',
  'something-new',
] as const satisfies readonly FakeSoftware[];

const STATES: readonly (readonly [Exclude<TokenState, 'good'>, string])[] = [
  ['invalid', 'token_invalid'],
  ['missing-scope', 'scope_missing'],
  ['disabled', 'account_disabled'],
  ['pending', 'account_pending'],
  ['unverified-email', 'account_pending'],
];
const TROUBLE: readonly (readonly [Misbehaviour, string])[] = [
  ['server-error', 'instance_error'],
  ['html', 'instance_blocks_programs'],
  ['hang-up', 'instance_unreachable'],
];

type Row = readonly [
  software: FakeSoftware,
  what: string,
  outcome: string,
  prepare: (fake: FakeInstance) => void,
];

/** What the instance may say of an account's token, where it has such an answer. */
function answersOf(software: FakeSoftware, of: (fake: FakeInstance, state: TokenState) => void): Row[] {
  const { refusals, rateLimited } = BEHAVIOURS[software];
  const states = STATES.filter(([state]) => refusals[state] !== undefined);
  return [
    ...states.map(([state, outcome]): Row => [
      software,
      `a token that is ${state}`,
      outcome,
      (fake) => of(fake, state),
    ]),
    ...(rateLimited === null ? [] : [[software, 'a limit', 'rate_limited', limit] as Row]),
    ...TROUBLE.map(([how, outcome]): Row => [
      software,
      how,
      outcome,
      (fake) => {
        of(fake, 'good');
        fake.misbehaviours.set('/api/v1/accounts/verify_credentials', how);
      },
    ]),
  ];
}

const limit = (fake: FakeInstance) => {
  fake.rateLimited = true;
};

/** The tokens that it is going to issue are in this state. */
const issues = (fake: FakeInstance, state: TokenState) => {
  fake.oauth.makeSecret = (what) => {
    const secret = markedSecret(what);
    if (what === 'access-token' && state !== 'good') fake.addToken(secret, state);
    return secret;
  };
};

/** They say one thing of a wrong app and of a wrong code. */
const isPleroma = (software: FakeSoftware) => ['pleroma', 'akkoma'].includes(software);
const loseApps = (fake: FakeInstance) => fake.oauth.apps.clear();
const loseCodes = (fake: FakeInstance) => fake.oauth.loseCodes();
const typeOf = ({ behaviour }: FakeInstance) => instanceTypeOf(behaviour.name) ?? 'mastodon_api';

describe('each outcome at each software', () => {
  let backends: Backends;
  let app: ConnectApp;
  let caller: Caller;
  let fakes: FakeInstances;
  let token: string;
  let names = 0;
  /** One for all outcomes of a software. */
  const started = new Map<FakeSoftware, FakeInstance>();

  beforeAll(async () => {
    fakes = await FakeInstances.atMost(SOFTWARES.length);
    backends = await Backends.create();
    token = backends.secrets.make('pasted-token');
    app = await startConnectApp({ allowlist: fakes.allowlist, backends });
    caller = await app.signUp();
    for (const software of SOFTWARES) started.set(software, await fakes.start(software));
  });
  afterEach(() => {
    for (const fake of started.values()) {
      fake.misbehaviours.clear();
      fake.tokenStates.clear();
      fake.accounts = new Map([['1', { username: 'alice', displayName: 'Alice' }]]);
      fake.rateLimited = false;
      fake.consent = true;
      issues(fake, 'good');
    }
  });
  afterAll(async () => {
    await fakes.closeAll();
    await app.expectCleanRecord();
    await app.close();
    await backends.remove();
  });

  function at(software: FakeSoftware): FakeInstance {
    const fake = started.get(software);
    if (fake === undefined) throw new Error(`${software} was not started.`);
    return fake;
  }

  describe('when OAuth ends', () => {
    const moved = (fake: FakeInstance) => {
      const account = { username: 'alice', displayName: 'Alice', moved: { acct: 'alice@new.example' } };
      fake.accounts.set('1', account);
    };
    const failures = SOFTWARES.flatMap((software): Row[] => [
      ...answersOf(software, issues),
      [software, 'an app that is gone', isPleroma(software) ? 'invalid_grant' : 'invalid_client', loseApps],
      // snac does not look at the code.
      ...(software === 'snac' ? [] : [[software, 'a code that is gone', 'invalid_grant', loseCodes] as Row]),
      ...TROUBLE.map(([how, outcome]): Row => [
        software,
        `${how} instead of a token`,
        outcome,
        (fake) => void fake.misbehaviours.set('/oauth/token', how),
      ]),
    ]);

    it.each(failures)('%s, %s: %s', async (software, _what, code, prepare) => {
      const fake = at(software);
      const begun = await begin(caller, fake);
      prepare(fake);
      expect(await finish(caller, Promise.resolve(begun))).toMatchObject({ status: 400, body: { code } });
      expect(await listOf(caller)).toEqual([]);
    });

    it.each(SOFTWARES)('%s, no consent: access_denied', async (software) => {
      const fake = at(software);
      fake.consent = false;
      expect(await comeBack(caller, await begin(caller, fake))).toMatchObject({
        status: 400,
        body: { code: 'access_denied' },
      });
    });

    it.each(SOFTWARES)('%s, consent: connected; and an account that has moved', async (software) => {
      const fake = at(software);
      const own = await app.signUp();
      for (const [prepare, status] of [
        [() => undefined, 'connected'],
        [moved, 'account_moved'],
      ] as const) {
        prepare(fake);
        expect(await finish(own, begin(own, fake))).toMatchObject({ status: 200 });
        expect(await listOf(own)).toMatchObject([{ status, username: 'alice' }]);
      }
    });
  });

  describe('when a token is tested', () => {
    const pasted = (fake: FakeInstance, state: TokenState) => void fake.addToken(token, state);
    const findings = TESTED_HERE.flatMap((software): Row[] => [
      [software, 'a token that is good', 'connected', (fake) => pasted(fake, 'good')],
      ...answersOf(software, pasted),
    ]);

    it.each(findings)('%s, %s: %s', async (software, _what, outcome, prepare) => {
      const fake = at(software);
      prepare(fake);
      expect(await tested(fake, 'alice')).toMatchObject({ outcome });
    });

    it.each(TESTED_HERE)('%s, the token of another account: identity_mismatch', async (software) => {
      const fake = at(software);
      pasted(fake, 'good');
      expect(await tested(fake, 'bob')).toMatchObject({ outcome: 'identity_mismatch' });
    });

    async function tested(fake: FakeInstance, username: string) {
      const created = await caller.send('POST', '/v1/platforms', {
        name: `Pasted ${++names}`,
        platformType: typeOf(fake),
        instanceUrl: fake.origin,
        accessToken: token,
        username,
      });
      expect(created.status).toBe(201);
      const path = `/v1/platforms/${String(created.body.id)}`;
      const { body } = await caller.send('POST', `${path}/test`);
      expect((await caller.send('DELETE', path)).status).toBe(204);
      return body;
    }
  });
});
