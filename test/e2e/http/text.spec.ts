import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { hash } from '@node-rs/argon2';
import { startTestApp, type TestApp } from '../../support/app.js';
import {
  createPlatform,
  type Person,
  type PlatformInput,
  platformInput,
  register,
  type Session,
  unique,
} from '../../support/factories.js';
import type { TestResponse } from '../../support/http-client.js';
import { expectProblem } from '../../support/problems.js';

const NFC = 'Caf\u00e9';
const NFD = 'Cafe\u0301';
const INVISIBLE = ['\u200b', '\u200e\u200f', ' \u2060 ', '\u3164', '   '];

let app: TestApp;
let ada: Person;

beforeAll(async () => {
  app = await startTestApp();
});
beforeEach(async () => {
  ada = await register(app.client, app.backends.secrets);
});
afterAll(() => app.close());

const create = (own: Partial<PlatformInput>): Promise<TestResponse> =>
  ada.client.post('/v1/platforms', platformInput(app.backends.secrets, own));
const password = (): string => app.backends.secrets.make('password');

it('refuses an address that is not well-formed text', async () => {
  for (const path of ['register', 'login'])
    expectProblem(
      await app.client.post(`/v1/auth/${path}`, { email: '\ud800', password: password() }),
      400,
      'validation_failed',
      ['/email'],
    );
});

describe('text of a connection', () => {
  it.each([NFD, ` ${NFC}`, `${NFC}\u00a0`, `\ufeff${NFC}`])(
    'is the same name as Café when it is %j',
    async (name) => {
      expect((await create({ name: NFC })).json()).toMatchObject({ name: NFC });
      expectProblem(await create({ name }), 409, 'duplicate_name');
      const other = await createPlatform(ada, app.backends.secrets);
      expectProblem(await ada.client.patch(`/v1/platforms/${other.id}`, { name }), 409, 'duplicate_name');
    },
  );

  it.each([' alice', 'alice ', '\u2003alice'])(
    'is the same account as alice when the username is %j',
    async (username) => {
      expect((await create({ username })).json()).toMatchObject({ username: 'alice' });
      expectProblem(await create({ username: 'alice' }), 409, 'duplicate_account');
    },
  );

  it.each(INVISIBLE)('is refused when it is %j, of which nothing is seen', async (text) => {
    expectProblem(await create({ name: text }), 400, 'validation_failed', ['/name']);
    expectProblem(await create({ username: text }), 400, 'validation_failed', ['/username']);
  });

  it('is found by an administrator in either form', async () => {
    const { id } = await createPlatform(ada, app.backends.secrets, { name: `${NFC} ${unique()}` });
    await app.backends.rows(`UPDATE users SET role = 'admin' WHERE id = $1`, [ada.id]);
    const admin = app.client.as((await signIn(ada.email, ada.password)).json<Session>());
    const found = await admin.get(`/v1/admin/platforms?userId=${ada.id}&search=${encodeURIComponent(NFD)}`);
    expect(found.json()).toMatchObject({ items: [{ id }] });
  });
});

describe('the name of an API key', () => {
  const make = (name: string): Promise<TestResponse> =>
    ada.client.post('/v1/api-keys', { name, scopes: ['platforms:read'] });

  it('is stored in one form', async () => {
    expect((await make(` ${NFD} `)).json()).toMatchObject({ name: NFC });
  });

  it.each(INVISIBLE)('is refused when it is %j', async (name) => {
    expectProblem(await make(name), 400, 'validation_failed', ['/name']);
  });
});

describe('an id that a program gave to an activity', () => {
  it('stays as it is: another form is another id', async () => {
    const { id } = await createPlatform(ada, app.backends.secrets);
    const activity = { kind: 'post', status: 'published', occurredAt: '2026-11-22T12:00:00Z' };
    const answer = await ada.client.post(
      `/v1/platforms/${id}/activities`,
      [NFC, NFD, ` ${NFC}`].map((externalId) => ({ ...activity, externalId })),
    );
    expect(answer.json()).toMatchObject({ created: 3 });
  });
});

describe('an e-mail address', () => {
  it('is the same in both forms, to register and to sign in', async () => {
    const name = unique();
    const secret = password();
    const composed = { email: `jos\u00e9-${name}@example.org`, password: secret };
    const decomposed = { email: `JOSE\u0301-${name}@example.org`, password: secret };
    expect((await app.client.post('/v1/auth/register', decomposed)).json()).toMatchObject({
      user: { email: composed.email },
    });
    expectProblem(await app.client.post('/v1/auth/register', composed), 409, 'email_taken');
    expect((await app.client.post('/v1/auth/login', composed)).status).toBe(200);
    expect((await app.client.post('/v1/auth/login', decomposed)).status).toBe(200);
  });

  it('has one count of failed sign-ins, whatever its case', async () => {
    for (let failure = 0; failure < 5; failure++) {
      const email = failure % 2 === 0 ? ada.email.toUpperCase() : ada.email;
      expectProblem(await signIn(email, 'wrong'), 401, 'invalid_credentials');
    }
    expectProblem(await signIn(ada.email, 'wrong'), 429, 'sign_in_delayed');
  });
});

describe('a password', () => {
  it.each([
    ['in the other normal form', NFC, NFD],
    ['with an ASCII space for a no-break space', 'a\u00a0b', 'a b'],
  ])('is the same %s', async (_, given, typed) => {
    const [email, secret] = [`user-${unique()}@example.org`, password()];
    await app.client.post('/v1/auth/register', { email, password: secret + given });
    expect((await signIn(email, secret + typed)).status).toBe(200);
    expect((await signIn(email, secret + given)).status).toBe(200);
  });

  it('is not trimmed', async () => {
    const [email, secret] = [`user-${unique()}@example.org`, password()];
    await app.client.post('/v1/auth/register', { email, password: `${secret} ` });
    expectProblem(await signIn(email, secret), 401, 'invalid_credentials');
    expect((await signIn(email, `${secret} `)).status).toBe(200);
  });

  it('has the length of what is hashed: 128 letters with accents, in any form', async () => {
    const email = `user-${unique()}@example.org`;
    const secret = password();
    const long = secret + 'e\u0323\u0302'.repeat(128 - secret.length);
    expect((await app.client.post('/v1/auth/register', { email, password: long })).status).toBe(201);
    expect((await signIn(email, long)).status).toBe(200);
    const longer = { email: `user-${unique()}@example.org`, password: `${long}x` };
    expectProblem(await app.client.post('/v1/auth/register', longer), 400, 'validation_failed', [
      '/password',
    ]);
  });

  it.each(['\0', '\t', '\u009f', '\ud800'])(
    'is refused for a new account when it holds %j',
    async (character) => {
      const body = { email: `user-${unique()}@example.org`, password: password() + character };
      expectProblem(await app.client.post('/v1/auth/register', body), 400, 'validation_failed', [
        '/password',
      ]);
    },
  );

  it.each([NFD, 'a\u3000b', '\t'])(
    'that was hashed as it was, with %j in it, still signs in',
    async (part) => {
      const secret = password() + part;
      await app.backends.rows('UPDATE users SET password_hash = $2 WHERE id = $1', [
        ada.id,
        await hash(secret),
      ]);
      expect((await signIn(ada.email, secret)).status).toBe(200);
    },
  );
});

function signIn(email: string, secret: string): Promise<TestResponse> {
  return app.client.post('/v1/auth/login', { email, password: secret });
}
