import { hashOf, newSecret } from '../../../../src/common/secrets.js';
import { authenticator } from '../../../../src/factors/second-factors.js';
import { unique } from '../../../support/factories.js';
import { SoftwarePasskey, addPasskey, usePasskey } from '../../../support/software-passkey.js';
import { type Canary, NOWHERE } from '../canary.js';
import { type Calls, newcomer } from './call.js';

/** A page of this server, whose session is in a cookie. */
const FROM_PAGE = { 'Session-Cookie': 'true', 'Sec-Fetch-Site': 'same-origin' };

/** Signing in, and a user's own account and sessions. */
export const accountCalls: Calls = {
  'POST /v1/auth/register': [
    ({ app }, make) =>
      app.client.post('/v1/auth/register', { email: `${unique()}@example.org`, password: make('password') }),
    ({ app, owner: { email } }, make) =>
      app.client.post('/v1/auth/register', { email, password: make('password') }),
    ({ app }, make) => app.client.post('/v1/auth/register', { email: make('email'), password: [make('x')] }),
  ],
  'POST /v1/auth/login': [
    ({ app, owner: { email } }, make) =>
      app.client.post('/v1/auth/login', { email, password: make('wrong-password') }),
    ({ app, owner: { email, password } }) => app.client.post('/v1/auth/login', { email, password }),
    ({ app, owner: { email, password } }) =>
      app.client.post('/v1/auth/login', { email, password }, FROM_PAGE),
  ],
  'POST /v1/auth/refresh': [
    ({ app }, make) => app.client.post('/v1/auth/refresh', { refreshToken: make('refresh-token') }),
    ({ app }, make) =>
      app.client.post(
        '/v1/auth/refresh',
        {},
        { ...FROM_PAGE, Cookie: `__Host-pm_session=${make('cookie')}` },
      ),
    // Used twice, by somebody else: it ends all sessions of its user, and the other calls are made with the owner's.
    async (canary, make) => {
      const { refreshToken } = await newcomer(canary, make);
      await canary.app.client.post('/v1/auth/refresh', { refreshToken });
      return canary.app.client.post('/v1/auth/refresh', { refreshToken });
    },
  ],
  'POST /v1/auth/logout': [
    ({ app }, make) => app.client.post('/v1/auth/logout', { refreshToken: make('refresh-token') }),
    async (canary) =>
      canary.app.client.post('/v1/auth/logout', { refreshToken: await freshRefreshToken(canary) }),
  ],
  'POST /v1/auth/password-reset': [
    ({ app, owner: { email } }) => app.client.post('/v1/auth/password-reset', { email }),
    ({ app }, make) => app.client.post('/v1/auth/password-reset', { email: make('email') }),
  ],
  'PUT /v1/auth/password-reset': [
    ({ app }, make) =>
      app.client.request('PUT', '/v1/auth/password-reset', {
        body: { token: make('link'), newPassword: make('password') },
      }),
    async (canary, make) =>
      canary.app.client.request('PUT', '/v1/auth/password-reset', {
        body: { token: await linkToken(canary, make, 'password_reset'), newPassword: make('password') },
      }),
  ],
  'POST /v1/auth/verify-email': [
    ({ app }, make) => app.client.post('/v1/auth/verify-email', { token: make('link') }),
    async (canary, make) =>
      canary.app.client.post('/v1/auth/verify-email', {
        token: await linkToken(canary, make, 'verify_email'),
      }),
  ],
  'POST /v1/auth/confirm': [
    ({ owner }, make) => owner.client.post('/v1/auth/confirm', { password: make('wrong-password') }),
    ({ owner: { client, password } }) => client.post('/v1/auth/confirm', { password }),
  ],
  'GET /v1/me/totp': [({ owner }) => owner.client.get('/v1/me/totp')],
  'POST /v1/me/totp': [
    async (canary, make) => canary.app.client.as(await newcomer(canary, make)).post('/v1/me/totp'),
  ],
  'PUT /v1/me/totp': [
    ({ owner }, make) => owner.client.request('PUT', '/v1/me/totp', { body: { code: make('code') } }),
    ({ owner }) => owner.client.request('PUT', '/v1/me/totp', { body: { code: '000000' } }),
    async (canary, make) => {
      const own = canary.app.client.as(await newcomer(canary, make));
      const begun = await own.post('/v1/me/totp');
      const { secret } = begun.status === 201 ? begun.json<{ secret: string }>() : { secret: 'AAAAAAAA' };
      const code = authenticator(secret).generate();
      const kept = await own.request('PUT', '/v1/me/totp', { body: { code } });
      await own.post('/v1/me/totp/recovery-codes');
      await own.delete('/v1/me/totp');
      return kept;
    },
  ],
  'POST /v1/me/totp/recovery-codes': [({ owner }) => owner.client.post('/v1/me/totp/recovery-codes')],
  'DELETE /v1/me/totp': [({ owner }) => owner.client.delete('/v1/me/totp')],
  'GET /v1/me/passkeys': [({ owner }) => owner.client.get('/v1/me/passkeys')],
  'POST /v1/me/passkeys/options': [({ owner }) => owner.client.post('/v1/me/passkeys/options')],
  'POST /v1/me/passkeys': [
    ({ owner }, make) =>
      owner.client.post('/v1/me/passkeys', { name: 'x', response: { id: make('credential') } }),
    async (canary, make) => {
      const own = canary.app.client.as(await newcomer(canary, make));
      const passkey = new SoftwarePasskey();
      const { id = NOWHERE } = (await addPasskey(own, passkey)).json<{ id?: number }>();
      await own.patch(`/v1/me/passkeys/${id}`, { name: 'y' });
      await usePasskey(canary.app.client, passkey);
      return own.delete(`/v1/me/passkeys/${id}`);
    },
  ],
  'PATCH /v1/me/passkeys/{id}': [
    ({ owner }) => owner.client.patch(`/v1/me/passkeys/${NOWHERE}`, { name: 'x' }),
  ],
  'DELETE /v1/me/passkeys/{id}': [({ owner }) => owner.client.delete(`/v1/me/passkeys/${NOWHERE}`)],
  'POST /v1/auth/passkey/options': [({ app }) => app.client.post('/v1/auth/passkey/options')],
  'POST /v1/auth/passkey': [
    ({ app }, make) => app.client.post('/v1/auth/passkey', { response: { id: make('credential') } }),
  ],
  'GET /v1/me/notices': [({ owner }) => owner.client.get('/v1/me/notices')],
  'PUT /v1/me/notices': [
    ({ owner }, make) =>
      owner.client.request('PUT', '/v1/me/notices', { body: { newSignIn: make('switch') } }),
    ({ owner }) =>
      owner.client.request('PUT', '/v1/me/notices', {
        body: { newSignIn: true, apiKeyMade: true, credentialsRevealed: true, connections: true },
      }),
  ],
  'PUT /v1/me/email': [
    ({ owner }, make) => owner.client.request('PUT', '/v1/me/email', { body: { email: make('email') } }),
    async (canary, make) =>
      canary.app.client.as(await newcomer(canary, make)).request('PUT', '/v1/me/email', {
        body: { email: `${unique()}@example.org` },
      }),
  ],
  'POST /v1/auth/change-email': [
    ({ app }, make) => app.client.post('/v1/auth/change-email', { token: make('link') }),
    async (canary, make) =>
      canary.app.client.post('/v1/auth/change-email', {
        token: await linkToken(canary, make, 'email_change_old'),
      }),
  ],
  'POST /v1/me/verify-email': [({ owner }) => owner.client.post('/v1/me/verify-email')],
  'GET /v1/me': [
    ({ owner }) => owner.client.get('/v1/me'),
    ({ app }, make) => app.client.get('/v1/me', { Authorization: `Bearer ${make('bearer')}` }),
    ({ app }, make) =>
      app.client.get('/v1/me', { Authorization: `Basic ${make('basic')}`, Cookie: `id=${make('cookie')}` }),
    async (canary) => canary.app.client.as({ accessToken: await providersToken(canary) }).get('/v1/me'),
    async (canary) => {
      const accessToken = (await providersToken(canary)).replace(/\.[^.]+$/, '.AAAA');
      return canary.app.client.as({ accessToken }).get('/v1/me');
    },
  ],

  'PUT /v1/me/password': [
    ({ owner }, make) =>
      owner.client.request('PUT', '/v1/me/password', {
        body: { currentPassword: make('wrong-password'), newPassword: make('password') },
      }),
    async (canary, make) => {
      const { password: currentPassword, ...session } = await newcomer(canary, make);
      const body = { currentPassword, newPassword: make('password') };
      return canary.app.client.as(session).request('PUT', '/v1/me/password', { body });
    },
  ],

  'GET /v1/sessions': [
    ({ owner }, make) => owner.client.get('/v1/sessions', { 'User-Agent': make('user-agent') }),
  ],
  'DELETE /v1/sessions/{id}': [
    ({ owner }) => owner.client.delete(`/v1/sessions/${NOWHERE}`),
    async (canary, make) => {
      const client = canary.app.client.as(await newcomer(canary, make));
      const open = await client.get('/v1/sessions');
      const [{ id } = { id: NOWHERE }] = open.status === 200 ? open.json<{ id: number }[]>() : [];
      return client.delete(`/v1/sessions/${id}`);
    },
  ],
  'DELETE /v1/sessions': [
    ({ app }, make) => app.client.as({ accessToken: make('bearer') }).delete('/v1/sessions'),
    async (canary, make) => canary.app.client.as(await newcomer(canary, make)).delete('/v1/sessions'),
  ],
  'GET /v1/me/export': [
    ({ owner }) => owner.client.get('/v1/me/export'),
    ({ owner }, make) => owner.client.get(`/v1/me/export?secrets=${make('query')}`),
  ],
  'DELETE /v1/me': [
    async (canary, make) => {
      const { accessToken, password } = await newcomer(canary, make);
      const body = { currentPassword: password };
      return canary.app.client.as({ accessToken }).request('DELETE', '/v1/me', { body });
    },
    ({ owner }, make) =>
      owner.client.request('DELETE', '/v1/me', { body: { currentPassword: make('wrong-password') } }),
  ],
};

/** As a message to a newcomer has it. */
async function linkToken(canary: Canary, make: (what: string) => string, kind: string): Promise<string> {
  const { backends } = canary.app;
  const token = newSecret();
  backends.secrets.add(token);
  const { user } = await newcomer(canary, make);
  if (user.id !== NOWHERE) {
    await backends.rows(
      `INSERT INTO mail_tokens (token_hash, kind, user_id, email, expires_at)
       SELECT $1, $2, id, email, now() + interval '1 minute' FROM users WHERE id = $3`,
      [hashOf(token), kind, user.id],
    );
    await backends.rows(
      `INSERT INTO email_changes (user_id, new_email) SELECT id, 'new-' || email FROM users WHERE id = $1`,
      [user.id],
    );
  }
  return token;
}

async function freshRefreshToken({ app, owner: { email, password } }: Canary): Promise<string> {
  const session = await app.client.post('/v1/auth/login', { email, password });
  return session.status === 200 ? session.json<{ refreshToken: string }>().refreshToken : 'none';
}

export async function providersToken({ app, issuer }: Pick<Canary, 'app' | 'issuer'>): Promise<string> {
  const token = await issuer.sign({ claims: { sub: unique() } });
  app.backends.secrets.add(token);
  return token;
}
