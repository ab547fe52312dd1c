import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type JWTPayload, UnsecuredJWT } from 'jose';
import { FakeIssuer, type IssuerFault } from '../../test/support/fake-issuer.js';
import { Clock } from '../common/clock.js';
import { AppConfig } from '../config/app-config.js';
import { environmentSchema } from '../config/environment.js';
import { InvalidAccessToken } from '../http/auth/auth.errors.js';
import type { OidcIdentity } from '../users/oidc-identity.js';
import type { UsersService } from '../users/users.service.js';
import { IssuerUnavailable, OidcIssuer } from './oidc-issuer.js';
import { OidcTokens } from './oidc-tokens.js';

class FakeClock extends Clock {
  aheadMs = 0;
  override now(): Date {
    return new Date(Date.now() + this.aheadMs);
  }
}

const EMPTY = { payload: '', signature: '' };

describe('OidcTokens', () => {
  let issuer: FakeIssuer;
  let clock: FakeClock;
  let tokens: OidcTokens;
  let seen: OidcIdentity[];

  beforeEach(async () => {
    issuer = await FakeIssuer.start();
    clock = new FakeClock();
    seen = [];
    const users = {
      admitOidc: (identity: OidcIdentity) => {
        seen.push(identity);
        return Promise.resolve({ id: 7, email: 'ada@example.org', role: 'user' });
      },
    } as unknown as UsersService;
    const config = new AppConfig(environmentSchema.parse(issuer.env()), {
      encryptionKeys: '',
      jwtSecret: '',
    });
    const keys = new OidcIssuer(issuer.url, { cooldownMs: 0, failurePauseMs: 0 });
    tokens = new OidcTokens(config, keys, users, clock);
  });

  afterEach(() => issuer.down());

  const verify = async (token: string) => (await tokens.verify(token)).userId;
  const refused = (token: string) => expect(verify(token)).rejects.toThrow(InvalidAccessToken);

  it('admits its issuer’s token, by issuer and subject', async () => {
    const token = await issuer.sign({ claims: { email: 'Ada@example.org', email_verified: true } });
    expect(tokens.claims(token)).toBe(true);
    expect(await verify(token)).toBe(7);
    expect(seen).toEqual([{ issuer: issuer.url, subject: 'ada', email: 'Ada@example.org' }]);
  });

  it('takes the sign-in at the issuer for a recent one, or the issue of the token where that is not said', async () => {
    const iat = Math.floor(Date.now() / 1000) - 60;
    const signedIn = async (claims: object) =>
      (await tokens.verify(await issuer.sign({ claims: { iat, ...claims } }))).signedInAtMs / 1000 - iat;
    expect(await signedIn({ auth_time: iat - 3600 })).toBe(-3600);
    expect(await signedIn({})).toBe(0);
    expect(await signedIn({ auth_time: 'now' })).toBe(0);
  });

  it('does not believe an address that the issuer has not confirmed', async () => {
    await verify(await issuer.sign({ claims: { email: 'a@example.org' } }));
    await verify(await issuer.sign({ claims: { email: 'b@example.org', email_verified: 'true' } }));
    expect(seen.map(({ email }) => email)).toEqual([null, null]);
  });

  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'])('knows %s', async (alg) => {
    await issuer.rotate(alg);
    await expect(verify(await issuer.sign())).resolves.toBe(7);
  });

  it('verifies and looks up once what 50 callers send at once, and not again when it is remembered', async () => {
    const token = await issuer.sign();
    await Promise.all(Array.from({ length: 50 }, () => verify(token)));
    expect(tokens.verify(token)).not.toBeInstanceOf(Promise);
    expect(seen).toHaveLength(1);
    expect(issuer.requests).toEqual({ metadata: 1, keys: 1 });
  });

  it('refuses HMAC with the issuer’s public key', async () => {
    await issuer.rotate('RS256');
    const confused = await issuer.signConfused();
    expect(tokens.claims(confused)).toBe(true);
    await refused(confused);
  });

  it('refuses alg none', async () => {
    await refused(new UnsecuredJWT(issuer.claims()).encode());
  });

  it('refuses a key that came with the token', async () => {
    const stranger = await FakeIssuer.start();
    const { jwk } = stranger.newest;
    const own = { key: stranger.newest, claims: issuer.claims() };
    await refused(await stranger.sign({ ...own, header: { jwk, kid: issuer.newest.kid } }));
    await refused(await stranger.sign({ ...own, header: { jku: `${stranger.url}/keys` } }));
    expect(stranger.requests.keys).toBe(0);
    await stranger.down();
  });

  it.each<[string, JWTPayload]>([
    ['another issuer', { iss: 'https://issuer.example' }],
    ['another audience', { aud: 'somebody' }],
    ['no audience', { aud: undefined }],
    ['no expiry', { exp: undefined }],
    ['an expiry that has passed', { exp: Math.floor(Date.now() / 1000) - 60 }],
    ['a beginning that has not come', { nbf: Math.floor(Date.now() / 1000) + 600 }],
    ['no subject', { sub: undefined }],
    ['an empty subject', { sub: '' }],
    ['a subject of 256 characters', { sub: 'x'.repeat(256) }],
    ['a subject with NUL', { sub: 'a\0b' }],
  ])('refuses %s', async (_what, claims) => {
    await refused(await issuer.sign({ claims }));
    expect(seen).toEqual([]);
  });

  it('refuses a remembered token from its expiry', async () => {
    const token = await issuer.sign();
    await verify(token);
    clock.aheadMs = 306_000;
    await refused(token);
  });

  it('looks at the account again after the life of our own tokens, so that a change of role shows', async () => {
    const token = await issuer.sign({ claims: { exp: Math.floor(Date.now() / 1000) + 7200 } });
    await verify(token);
    clock.aheadMs = 899_000;
    await verify(token);
    expect(seen).toHaveLength(1);
    clock.aheadMs = 901_000;
    await verify(token);
    expect(seen).toHaveLength(2);
  });

  it('follows a rotation: the new key works at once, what the old one signed no longer', async () => {
    const before = issuer.newest;
    await verify(await issuer.sign());
    await issuer.rotate();
    await expect(verify(await issuer.sign())).resolves.toBe(7);
    await refused(await issuer.sign({ key: before, claims: { sub: 'late' } }));
  });

  it('does not ask the issuer for each invented key id', async () => {
    const config = new AppConfig(environmentSchema.parse(issuer.env()), {
      encryptionKeys: '',
      jwtSecret: '',
    });
    const patient = new OidcTokens(config, new OidcIssuer(issuer.url), {} as UsersService, clock);
    for (let n = 0; n < 20; n++) {
      const token = await issuer.sign({ header: { kid: `invented-${n}` } });
      await expect(Promise.resolve(patient.verify(token))).rejects.toThrow(InvalidAccessToken);
    }
    expect(issuer.requests.keys).toBeLessThanOrEqual(1);
  });

  it.each(['error', 'nonsense', 'other-issuer'] as const)(
    'says 503, not 401, when the issuer answers with %s',
    async (fault) => {
      issuer.fault = fault;
      const token = await issuer.sign();
      await expect(verify(token)).rejects.toThrow(IssuerUnavailable);
      issuer.fault = 'none';
      await expect(verify(token)).resolves.toBe(7);
    },
  );

  it.each(
    (['error', 'nonsense', 'redirect', 'endless-body', 'slow-body', 'silent'] as const).flatMap(
      (fault): [IssuerFault, 'all' | 'keys'][] => [
        [fault, 'all'],
        [fault, 'keys'],
      ],
    ),
  )('gives up soon, and follows nothing, when the issuer answers with %s in %s', async (fault, faulty) => {
    // One that sends without end is cut off by size, long before its time is over.
    const timeoutMs = fault === 'endless-body' ? 60_000 : 500;
    const keys = new OidcIssuer(issuer.url, { timeoutMs, failurePauseMs: 0 });
    const { alg, kid } = issuer.newest;
    const header = { alg, kid };
    Object.assign(issuer, { fault, faulty });
    const started = performance.now();
    await expect(Promise.resolve(keys.key(header, EMPTY))).rejects.toThrow(IssuerUnavailable);
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(issuer.redirected).toBe(0);
    issuer.fault = 'none';
    await expect(Promise.resolve(keys.key(header, EMPTY))).resolves.toBeDefined();
  });

  it.each(['all', 'keys'] as const)(
    'leaves an issuer alone for a while whose answers fail (%s)',
    async (faulty) => {
      const keys = new OidcIssuer(issuer.url, { cooldownMs: 0, failurePauseMs: 60_000 });
      const header = { alg: issuer.newest.alg, kid: issuer.newest.kid };
      Object.assign(issuer, { fault: 'error', faulty });
      const ask = () => Promise.resolve(keys.key(header, EMPTY));
      await expect(ask()).rejects.toThrow(IssuerUnavailable);
      const asked = { ...issuer.requests };
      for (let n = 0; n < 3; n++) await expect(ask()).rejects.toThrow(IssuerUnavailable);
      expect(issuer.requests).toEqual(asked);
    },
  );

  it('says 503, not 401, while the issuer is down, keeps those it knows, and recovers', async () => {
    const remembered = await issuer.sign({ claims: { sub: 'remembered' } });
    await verify(remembered);
    await issuer.rotate();
    const token = await issuer.sign();
    await issuer.down();
    await expect(verify(token)).rejects.toMatchObject({ status: 503, code: 'issuer_unavailable' });
    await expect(verify(remembered)).resolves.toBe(7);
    await issuer.up();
    await expect(verify(token)).resolves.toBe(7);
  });

  it.each(['', '.', 'a.b.c', 'e30.e30.', 'bnVsbA.bnVsbA.bnVsbA'])('leaves %j to others', (text) => {
    expect(tokens.claims(text)).toBe(false);
  });

  describe('a token that no person gave to a program that is allowed', () => {
    it.each([
      ['an ID token by its type in the claims', { typ: 'ID' }],
      ['a refresh token', { typ: 'Refresh' }],
      ['an ID token by its nonce', { nonce: 'n-0S6_WzA2Mj' }],
      ['an ID token by the hash of an access token', { at_hash: '77QmUPtjPfzWtF2AnpK9RQ' }],
      ['client credentials by RFC 9068', { sub: 'worker', client_id: 'worker' }],
      ['client credentials by azp', { sub: 'worker', azp: 'worker' }],
      ['client credentials of Auth0', { sub: 'worker@clients', gty: 'client-credentials' }],
      ['client credentials of Microsoft', { idtyp: 'app' }],
      ['client credentials of Keycloak', { preferred_username: 'service-account-worker' }],
    ])('is refused: %s', async (_, claims) => {
      await refused(await issuer.sign({ claims }));
      expect(seen).toEqual([]);
    });

    it.each([{ typ: 'logout+jwt' }, { typ: 'dpop+jwt' }])('is refused with the header %j', async (header) => {
      await refused(await issuer.sign({ header }));
    });

    it.each([{ typ: 'at+jwt' }, { typ: 'application/at+JWT' }, { typ: undefined }])(
      'is not one with the header %j',
      async (header) => {
        await verify(await issuer.sign({ claims: { typ: 'Bearer', azp: 'console', auth_time: 1 }, header }));
      },
    );
  });

  describe('with OIDC_CLIENTS and OIDC_REQUIRED_SCOPE', () => {
    beforeEach(() => {
      const env = { ...issuer.env(), OIDC_CLIENTS: 'console, mobile', OIDC_REQUIRED_SCOPE: 'platforms' };
      const config = new AppConfig(environmentSchema.parse(env), { encryptionKeys: '', jwtSecret: '' });
      const users = { admitOidc: () => Promise.resolve({ id: 7, role: 'user' }) } as unknown as UsersService;
      tokens = new OidcTokens(config, new OidcIssuer(issuer.url), users, clock);
    });

    it.each<JWTPayload>([
      { azp: 'console', scope: 'openid platforms' },
      { client_id: 'mobile', scope: 'platforms' },
      { appid: 'mobile', scp: 'platforms' },
      { azp: 'console', scp: ['openid', 'platforms'] },
    ])('admits %j', async (claims) => {
      await verify(await issuer.sign({ claims }));
    });

    it.each<JWTPayload>([
      { azp: 'another', scope: 'platforms' },
      { scope: 'platforms' },
      { azp: ['console'], scope: 'platforms' },
      { azp: 'console' },
      { azp: 'console', scope: 'platforms.read' },
      { azp: 'console', scope: { platforms: true } },
    ])('refuses %j', async (claims) => {
      await refused(await issuer.sign({ claims }));
    });
  });
});
