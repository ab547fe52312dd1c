import { createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { installation } from '../../test/support/sealed-entries.js';
import { Clock } from '../common/clock.js';
import type { Installation } from '../common/installation.js';
import { AppConfig } from '../config/app-config.js';
import { environmentSchema } from '../config/environment.js';
import { InvalidAccessToken } from '../http/auth/auth.errors.js';
import { AccessTokens } from './access-tokens.js';

const SECRET = 'a test secret of more than 32 characters';
const START = new Date('2026-01-01T00:00:00Z');
const START_SECONDS = START.getTime() / 1000;

class FakeClock extends Clock {
  ms = START.getTime();
  override now(): Date {
    return new Date(this.ms);
  }
}

const config = new AppConfig(environmentSchema.parse({ ACCESS_TOKEN_TTL_SECONDS: '900' }), {
  encryptionKeys: '',
  jwtSecret: SECRET,
});
const key = createSecretKey(SECRET, 'utf8');
const OWN = { userId: 7, sessionId: 12 };
const claims: JWTPayload = {
  sid: '12',
  iss: 'platform-manager',
  aud: 'platform-manager',
  sub: '7',
  epoch: 1,
  iat: START_SECONDS,
  exp: START_SECONDS + 900,
};

function signed(payload: JWTPayload, signingKey: KeyObject = key, alg = 'HS256'): Promise<string> {
  return new SignJWT(payload).setProtectedHeader({ alg }).sign(signingKey);
}

describe('AccessTokens', () => {
  let clock: FakeClock;
  let own: Installation;
  let tokens: AccessTokens;

  beforeEach(() => {
    clock = new FakeClock();
    own = installation();
    tokens = new AccessTokens(config, clock, own);
  });

  const verify = async (token: string) => tokens.verify(token);

  it('gives back the user and the session that it signed, and nothing personal is in the token', async () => {
    const token = await tokens.sign(OWN);

    expect(await tokens.verify(token)).toMatchObject(OWN);
    const payload: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    expect(payload).toEqual(claims);
  });

  it('answers without a promise for a token that it has verified', async () => {
    const token = await tokens.sign(OWN);

    expect(tokens.verify(token)).toBeInstanceOf(Promise);
    const verified = await tokens.verify(token);
    expect(tokens.verify(token)).toBe(verified);
  });

  it('refuses a remembered token from the very second of its expiry', async () => {
    const token = await tokens.sign(OWN);
    await tokens.verify(token);

    clock.ms += 899_999;
    expect(tokens.verify(token)).toMatchObject(OWN);
    clock.ms += 1;
    expect(() => tokens.verify(token)).toThrow(InvalidAccessToken);
    await expect(verify(token)).rejects.toThrow(InvalidAccessToken);
  });

  it('refuses a token from before a restore, be it remembered or not', async () => {
    const [known, unknown] = [await tokens.sign(OWN), await signed(claims)];
    await tokens.verify(known);

    own.observe({ id: own.id, epoch: 2, primaryName: 'first', nowMs: 0 }, performance.now());
    expect(() => tokens.verify(known)).toThrow(InvalidAccessToken);
    await expect(verify(unknown)).rejects.toThrow(InvalidAccessToken);
    expect(await tokens.verify(await tokens.sign(OWN))).toMatchObject(OWN);
  });

  it('refuses an expired token that it has never seen', async () => {
    const token = await tokens.sign(OWN);
    clock.ms += 900_000;
    await expect(verify(token)).rejects.toThrow(InvalidAccessToken);
  });

  it('accepts the claims that the following tests spoil', async () => {
    await expect(verify(await signed(claims))).resolves.toMatchObject(OWN);
  });

  it('refuses alg none', async () => {
    await expect(verify(new UnsecuredJWT(claims).encode())).rejects.toThrow(InvalidAccessToken);
  });

  it('refuses another key', async () => {
    const other = createSecretKey(SECRET.toUpperCase(), 'utf8');
    await expect(verify(await signed(claims, other))).rejects.toThrow(InvalidAccessToken);
  });

  it('refuses every algorithm but HS256, with the right key or with a pair of its own', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const long = createSecretKey(SECRET.padEnd(64, 'x'), 'utf8');
    const longTokens = new AccessTokens(
      new AppConfig(environmentSchema.parse({}), { encryptionKeys: '', jwtSecret: SECRET.padEnd(64, 'x') }),
      clock,
      own,
    );

    await expect(verify(await signed(claims, privateKey, 'RS256'))).rejects.toThrow(InvalidAccessToken);
    await expect(longTokens.verify(await signed(claims, long))).resolves.toMatchObject(OWN);
    for (const alg of ['HS384', 'HS512']) {
      await expect(longTokens.verify(await signed(claims, long, alg))).rejects.toThrow(InvalidAccessToken);
    }
  });

  it('refuses a header that claims RS256 over an HMAC', async () => {
    const [, payload, signature] = (await signed(claims)).split('.');
    const header = Buffer.from(JSON.stringify({ alg: 'RS256' })).toString('base64url');
    await expect(verify(`${header}.${payload}.${signature}`)).rejects.toThrow(InvalidAccessToken);
  });

  it.each<[string, JWTPayload]>([
    ['another issuer', { iss: 'somebody' }],
    ['no epoch', { epoch: undefined }],
    ['an epoch in another type', { epoch: '1' }],
    ['another audience', { aud: 'somebody' }],
    ['no expiry', { exp: undefined }],
    ['no time of issue', { iat: undefined }],
    ['no subject', { sub: undefined }],
    ['a subject that is no id', { sub: '7 OR 1=1' }],
    ['the id 0', { sub: '0' }],
    ['no session', { sid: undefined }],
    ['a session in another type', { sid: 12 }],
    ['a session that is no id', { sid: 'user-7' }],
    ['the session 0', { sid: '0' }],
  ])('refuses %s', async (_name, spoilt) => {
    await expect(verify(await signed({ ...claims, ...spoilt }))).rejects.toThrow(InvalidAccessToken);
  });

  it.each([
    '',
    '.',
    '..',
    'a.b',
    'a.b.c',
    '\u0000',
    'é.é.é',
    'e30.e30.',
    'bnVsbA.bnVsbA.bnVsbA',
    'a.b.c.d.e',
  ])('refuses what is no token: %j', async (text) => {
    await expect(verify(text)).rejects.toThrow(InvalidAccessToken);
  });

  it('does not name the token or the reason', async () => {
    const error: unknown = await verify('a.b.c').catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'unauthenticated',
      status: 401,
      message: 'The access token is expired or not valid.',
      headers: { 'WWW-Authenticate': 'Bearer realm="platform-manager", error="invalid_token"' },
    });
    expect(error).not.toHaveProperty('cause');
  });
});
