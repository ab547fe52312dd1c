import { hashOf, newSecret } from '../../../src/common/secrets.js';
import { authenticator } from '../../../src/factors/second-factors.js';
import { unique } from '../../support/factories.js';
import type { HttpClient, TestResponse } from '../../support/http-client.js';
import { SoftwarePasskey, addPasskey, usePasskey } from '../../support/software-passkey.js';
import {
  type Canary,
  NOWHERE,
  beginToConnect,
  comeBack,
  consentTo,
  finishToConnect,
  inputOf,
  linkOf,
  newPlatform,
} from './canary.js';

/** Fewer than there are connections to the database. */
const AT_A_TIME = 8;

type Call = (canary: Canary, make: (what: string) => string) => Promise<TestResponse>;

/** A page of this server, whose session is in a cookie. */
const FROM_PAGE = { 'Session-Cookie': 'true', 'Sec-Fetch-Site': 'same-origin' };

const json = (raw: string) => ({ raw, headers: { 'Content-Type': 'application/json' } });

/**
 * Secrets for every operation of the OpenAPI document, new ones each time, where they belong and where they do not;
 * only not in a path, nor as the name of a field, which an error shows. An operation that is not called fails the test.
 */
const CALLS: Readonly<Record<string, readonly Call[]>> = {
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

  'POST /v1/api-keys': [
    ({ owner }, make) => owner.client.post('/v1/api-keys', { name: 'x', scopes: [make('scope')] }),
    ({ owner }, make) => owner.client.post('/v1/api-keys', { name: 'x', scopes: [], key: make('key') }),
    ({ owner }, make) =>
      owner.client.post('/v1/api-keys', {
        name: 'x',
        scopes: ['platforms:read'],
        policy: { addresses: [make('address')] },
      }),
  ],
  'GET /v1/api-keys': [({ owner }) => owner.client.get('/v1/api-keys')],
  'DELETE /v1/api-keys/{id}': [
    async ({ app, owner }) => {
      const scopes = ['platforms:read'];
      const made = await owner.client.post('/v1/api-keys', { name: unique(), scopes });
      const { id, key } = made.status === 201 ? made.json<{ id: number; key: string }>() : NO_KEY;
      const worker = app.client.as({ accessToken: key });
      await worker.get('/v1/platforms');
      await worker.get('/v1/me');
      await owner.client.delete(`/v1/api-keys/${id}`);
      return worker.get('/v1/platforms');
    },
  ],

  ...webhookCalls('/v1/webhooks', ({ owner }) => owner.client),
  ...webhookCalls('/v1/admin/webhooks', ({ admin }) => admin.client),

  'POST /v1/instances/lookup': [
    ({ owner, instance: { origin } }, make) =>
      owner.client.post('/v1/instances/lookup', { instance: `${origin}/x?token=${make('in-an-address')}` }),
    ({ owner, instance: { host } }, make) =>
      owner.client.post('/v1/instances/lookup', { instance: `http://u:${make('url-password')}@${host}` }),
  ],
  'POST /v1/connect': [
    ({ owner, instance: { origin } }, make) =>
      owner.client.post(
        '/v1/connect',
        { instance: origin, returnTo: `https://u:${make('return')}@a.example/?x=${make('return')}` },
        { Cookie: `pm_connect_x=${make('the-browser')}` },
      ),
  ],
  'GET /v1/connect/bluesky/client-metadata.json': [
    ({ app }) => app.client.get('/v1/connect/bluesky/client-metadata.json'),
  ],
  'GET /v1/connect/bluesky/jwks.json': [({ app }) => app.client.get('/v1/connect/bluesky/jwks.json')],
  'GET /v1/connect/callback/{key}': [
    async (canary) => comeBack(canary, await beginToConnect(canary)),
    async (canary) => {
      const { path, cookie } = await beginToConnect(canary);
      return canary.app.client.get(path, { Cookie: cookie });
    },
    async (canary, make) => {
      const { path, cookie } = await beginToConnect(canary);
      const { pathname, searchParams } = new URL(path, 'http://here.invalid');
      const refused = `error=${make('error')}&error_description=${make('description')}`;
      return comeBack(canary, { path: `${pathname}?state=${searchParams.get('state')}&${refused}`, cookie });
    },
    async (canary, make) => {
      const { path, cookie } = await beginToConnect(canary);
      return comeBack(canary, { path: `${path}&iss=${make('issuer')}`, cookie });
    },
  ],
  'POST /v1/connect/finish': [
    async (canary) => finishToConnect(canary, await beginToConnect(canary)),
    async (canary, make) => {
      const { path } = await beginToConnect(canary);
      return finishToConnect(canary, { path, cookie: `pm_connect_x=${make('the-browser')}` });
    },
    async (canary, make) => {
      const { path, cookie } = await beginToConnect(canary);
      const { pathname, searchParams } = new URL(path, 'http://here.invalid');
      const other = `${pathname}?state=${searchParams.get('state')}&code=${make('code')}`;
      return finishToConnect(canary, { path: other, cookie });
    },
    ({ owner }, make) => owner.client.post('/v1/connect/finish', { attempt: make('attempt') }),
  ],
  'POST /v1/connect/links': [
    ({ owner }, make) =>
      owner.client.post('/v1/connect/links', {
        externalUserId: 'customer-1',
        returnTo: `https://u:${make('return')}@a.example/?x=${make('return')}`,
      }),
    ({ owner }) => owner.client.post('/v1/connect/links', { externalUserId: 'customer-1' }),
  ],
  'GET /v1/connect/links': [({ owner }) => owner.client.get('/v1/connect/links')],
  'DELETE /v1/connect/links/{id}': [
    async ({ owner }) => {
      const made = await owner.client.post('/v1/connect/links', { externalUserId: 'customer-1' });
      return owner.client.delete(`/v1/connect/links/${made.json<{ id?: number }>().id ?? NOWHERE}`);
    },
  ],
  'POST /v1/connect/guest': [
    async (canary, make) => canary.app.client.post('/v1/connect/guest', { link: await linkOf(canary, make) }),
    ({ app }, make) => app.client.post('/v1/connect/guest', { link: make('link') }),
  ],
  'POST /v1/connect/guest/lookup': [
    async (canary, make) =>
      canary.app.client.post('/v1/connect/guest/lookup', {
        link: await linkOf(canary, make),
        instance: `${canary.instance.origin}/x?token=${make('in-an-address')}`,
      }),
  ],
  'POST /v1/connect/guest/begin': [
    async (canary, make) =>
      canary.app.client.post(
        '/v1/connect/guest/begin',
        { link: await linkOf(canary, make), instance: canary.instance.origin },
        { Cookie: `pm_connect_x=${make('the-browser')}` },
      ),
  ],
  'POST /v1/connect/guest/finish': [
    async (canary, make) => {
      // The owner has this account already, as their own.
      const { accessToken } = await newcomer(canary, make);
      const link = await linkOf(canary, make, canary.app.client.as({ accessToken }));
      const consent = await consentTo(canary, '/v1/connect/guest/begin', { link });
      const back = await comeBack(canary, consent);
      const { attempt = make('attempt') } = back.json<{ attempt?: string }>();
      return canary.app.client.post('/v1/connect/guest/finish', { attempt }, { Cookie: consent.cookie });
    },
    ({ app }, make) => app.client.post('/v1/connect/guest/finish', { attempt: make('attempt') }),
  ],

  'POST /mcp': [
    ({ owner }) => owner.client.post('/mcp', { jsonrpc: '2.0', id: 1, method: 'tools/list' }),
    ({ owner, platformId }, make) =>
      owner.client.post('/mcp', {
        ...{ jsonrpc: '2.0', id: 1, method: 'tools/call' },
        params: {
          name: 'send_request',
          arguments: { id: platformId, path: `/api/v1/accounts/verify_credentials?x=${make('in-a-path')}` },
        },
      }),
    ({ owner }, make) => owner.client.post('/mcp', { method: make('method') }),
  ],

  'POST /v1/platforms': [
    (canary) => canary.owner.client.post('/v1/platforms?test=true', inputOf(canary)),
    async (canary) => {
      const input = inputOf(canary);
      await canary.owner.client.post('/v1/platforms', input);
      return canary.owner.client.post('/v1/platforms', inputOf(canary, { name: input.name }));
    },
    (canary) => canary.owner.client.post('/v1/platforms', { ...inputOf(canary), platformType: 'none' }),
    (canary, make) =>
      canary.owner.client.post('/v1/platforms', {
        ...inputOf(canary),
        accessToken: `${make('with blank')} `,
      }),
    (canary, make) =>
      canary.owner.client.post('/v1/platforms', { ...inputOf(canary), accesstoken: make('misspelt') }),
    (canary, make) =>
      canary.owner.client.post('/v1/platforms', { ...inputOf(canary), clientKey: { x: make('nested') } }),
    (canary, make) =>
      canary.owner.client.post('/v1/platforms', {
        ...inputOf(canary),
        instanceUrl: `https://u:${make('url-password')}@a.example`,
      }),
    ({ owner }, make) =>
      owner.client.request('POST', '/v1/platforms', json(`{"accessToken":"${make('broken')}`)),
    ({ owner }, make) => owner.client.request('POST', '/v1/platforms', json(make('no-json'))),
    ({ owner }, make) =>
      owner.client.request('POST', '/v1/platforms', {
        raw: make('other-type'),
        headers: { 'Content-Type': 'text/plain' },
      }),
  ],
  'GET /v1/platforms': [
    ({ owner }) => owner.client.get('/v1/platforms'),
    ({ owner }, make) => owner.client.get(`/v1/platforms?refresh=true&accessToken=${make('in-the-query')}`),
    ({ owner }, make) => owner.client.get(`/v1/platforms?includeInactive=${make('in-a-flag')}`),
  ],
  'GET /v1/platforms/default': [({ owner }) => owner.client.get('/v1/platforms/default')],
  'GET /v1/platforms/{id}': [
    ({ owner, platformId }) => owner.client.get(`/v1/platforms/${platformId}`),
    ({ owner, platformId }, make) =>
      owner.client.get(`/v1/platforms/${platformId}?token=${make('in-the-query')}`),
  ],
  'PATCH /v1/platforms/{id}': [
    ({ owner, platformId, instance }, make) =>
      owner.client.patch(`/v1/platforms/${platformId}?test=true`, {
        accessToken: instance.addToken(make('access-token')),
        clientKey: make('client-key'),
        clientSecret: make('client-secret'),
      }),
    ({ owner, platformId }, make) => {
      const accessToken = make('access-token');
      return owner.client.patch(`/v1/platforms/${platformId}`, { accessToken }, { 'If-Match': '"0"' });
    },
    ({ owner, platformId }, make) =>
      owner.client.patch(`/v1/platforms/${platformId}`, { clientSecret: [make('in-an-array')] }),
  ],
  'PUT /v1/platforms/{id}/default': [
    ({ owner, platformId }) => owner.client.put(`/v1/platforms/${platformId}/default`),
  ],
  'DELETE /v1/platforms/{id}': [
    async (canary) => canary.owner.client.delete(`/v1/platforms/${await newPlatform(canary)}`),
    async (canary) => canary.owner.client.delete(`/v1/platforms/${await newPlatform(canary)}?revoke=true`),
  ],
  'POST /v1/platforms/{id}/test': [
    ({ owner, platformId }) => owner.client.post(`/v1/platforms/${platformId}/test`),
  ],
  'GET /v1/platforms/{id}/checks': [
    ({ owner, platformId }) => owner.client.get(`/v1/platforms/${platformId}/checks`),
  ],
  'POST /v1/platforms/{id}/credentials': [
    ({ owner, platformId }) => owner.client.post(`/v1/platforms/${platformId}/credentials`, { reason: 'x' }),
    ({ owner }) => owner.client.post(`/v1/platforms/${NOWHERE}/credentials`, { reason: 'x' }),
    ({ owner, platformId }, make) => {
      const body = { reason: 'x', accessToken: make('in-the-reveal') };
      return owner.client.post(`/v1/platforms/${platformId}/credentials`, body);
    },
  ],
  'HEAD /v1/platforms/{id}/proxy/{path}': [(canary) => proxied(canary, 'HEAD')],
  'GET /v1/platforms/{id}/proxy/{path}': [
    ({ owner, platformId }) => owner.client.get(`/v1/platforms/${platformId}/proxy/nodeinfo/2.0`),
    ({ owner, platformId }, make) =>
      owner.client.get(`/v1/platforms/${platformId}/proxy/nodeinfo/2.0?token=${make('in-the-query')}`, {
        Cookie: make('cookie'),
        'X-Api-Key': make('key'),
      }),
    ({ owner }) => owner.client.get(`/v1/platforms/${NOWHERE}/proxy/nodeinfo/2.0`),
  ],
  'POST /v1/platforms/{id}/proxy/{path}': [
    (canary, make) => proxied(canary, 'POST', { status: make('status') }),
    ({ owner, platformId }, make) =>
      owner.client.post(`/v1/platforms/${platformId}/proxy/nodeinfo/2.0`, { status: make('status') }),
  ],
  'PUT /v1/platforms/{id}/proxy/{path}': [
    (canary, make) => proxied(canary, 'PUT', { status: make('status') }),
  ],
  'PATCH /v1/platforms/{id}/proxy/{path}': [
    (canary, make) => proxied(canary, 'PATCH', { status: make('status') }),
  ],
  'DELETE /v1/platforms/{id}/proxy/{path}': [(canary) => proxied(canary, 'DELETE')],
  'GET /v1/platforms/{id}/audit': [
    ({ owner, platformId }) => owner.client.get(`/v1/platforms/${platformId}/audit`),
  ],
  'POST /v1/platforms/cache/refresh': [({ owner }) => owner.client.post('/v1/platforms/cache/refresh')],
  'DELETE /v1/platforms/cache': [({ owner }) => owner.client.delete('/v1/platforms/cache')],

  'POST /v1/platforms/{id}/activities': [
    ({ owner, platformId }) =>
      owner.client.post(`/v1/platforms/${platformId}/activities`, [
        { kind: 'post', externalId: 'a', status: 'done', occurredAt: '2026-11-22T12:00:00Z' },
      ]),
    ({ owner, platformId }, make) =>
      owner.client.post(`/v1/platforms/${platformId}/activities`, [{ kind: make('kind'), token: make('x') }]),
  ],
  'GET /v1/platforms/{id}/stats': [
    ({ owner, platformId }) => owner.client.get(`/v1/platforms/${platformId}/stats`),
  ],
  'GET /v1/platforms/default/stats': [({ owner }) => owner.client.get('/v1/platforms/default/stats')],
  'GET /v1/platforms/{id}/stats/history': [
    ({ owner, platformId }) => owner.client.get(`/v1/platforms/${platformId}/stats/history`),
    ({ owner, platformId }, make) =>
      owner.client.get(`/v1/platforms/${platformId}/stats/history?days=${make('days')}`),
  ],
  'GET /v1/platforms/{id}/stats/activity': [
    ({ owner, platformId }) => owner.client.get(`/v1/platforms/${platformId}/stats/activity`),
    ({ owner, platformId }, make) =>
      owner.client.get(`/v1/platforms/${platformId}/stats/activity?days=${make('days')}`),
  ],
  'GET /v1/platforms/{id}/avatar': [
    async (canary) => {
      const { client } = canary.owner;
      // Without a username any account will do.
      const id = await newPlatform(canary, { username: null });
      await client.post(`/v1/platforms/${id}/test`);
      return client.get(`/v1/platforms/${id}/avatar`);
    },
    ({ owner, platformId }, make) =>
      owner.client.get(`/v1/platforms/${platformId}/avatar?size=${make('in-the-query')}`),
  ],

  'GET /v1/admin/platforms': [
    ({ admin }) => admin.client.get('/v1/admin/platforms?search=platform'),
    ({ admin }, make) => admin.client.get(`/v1/admin/platforms?status=${make('status')}`),
  ],
  'GET /v1/audit': [
    ({ owner }) => owner.client.get('/v1/audit?pageSize=100'),
    ({ owner }) => owner.client.get('/v1/audit', { Accept: 'application/x-ndjson' }),
    ({ owner }, make) => owner.client.get(`/v1/audit?action=${make('action')}`),
  ],
  'GET /v1/admin/audit': [
    ({ admin }) => admin.client.get('/v1/admin/audit?pageSize=100'),
    ({ admin }) => admin.client.get('/v1/admin/audit', { Accept: 'application/x-ndjson' }),
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
  'GET /v1/admin/users': [
    ({ admin }) => admin.client.get('/v1/admin/users?limit=100'),
    ({ admin }, make) => admin.client.get(`/v1/admin/users?role=${make('role')}`),
  ],
  'GET /v1/admin/users/{id}': [({ admin, owner }) => admin.client.get(`/v1/admin/users/${owner.id}`)],
  'PATCH /v1/admin/users/{id}': [
    ({ admin, owner }) =>
      admin.client.request('PATCH', `/v1/admin/users/${owner.id}`, { body: { role: 'user' } }),
    ({ admin, owner }, make) =>
      admin.client.request('PATCH', `/v1/admin/users/${owner.id}`, { body: { role: make('role') } }),
  ],
  'DELETE /v1/admin/users/{id}': [
    async (canary, make) => {
      const { user } = await newcomer(canary, make);
      return canary.admin.client.delete(`/v1/admin/users/${user.id}`);
    },
  ],
  'DELETE /v1/admin/users/{id}/sessions': [
    async (canary, make) => {
      const { user } = await newcomer(canary, make);
      return canary.admin.client.delete(`/v1/admin/users/${user.id}/sessions`);
    },
  ],
  'POST /v1/admin/invitations': [
    ({ admin }) => admin.client.post('/v1/admin/invitations', {}),
    ({ admin }, make) => admin.client.post('/v1/admin/invitations', { email: make('email') }),
  ],
  'GET /v1/admin/invitations': [({ admin }) => admin.client.get('/v1/admin/invitations')],
  'DELETE /v1/admin/invitations/{id}': [
    async ({ admin }) => {
      const made = await admin.client.post('/v1/admin/invitations', {});
      const { id = NOWHERE } = made.json<{ id?: number }>();
      return admin.client.delete(`/v1/admin/invitations/${id}`);
    },
  ],
  'GET /v1/admin/system': [({ admin }) => admin.client.get('/v1/admin/system')],
  'GET /v1/admin/cache': [({ admin }) => admin.client.get('/v1/admin/cache')],
  'POST /v1/admin/cache/warm': [({ admin }) => admin.client.post('/v1/admin/cache/warm', { users: 10 })],
  'DELETE /v1/admin/cache/users/{id}': [
    ({ admin, owner }) => admin.client.delete(`/v1/admin/cache/users/${owner.id}`),
  ],

  'GET /v1/events': [
    ({ owner }) => owner.client.get('/v1/events'),
    ({ owner }, make) =>
      owner.client.get(`/v1/events?token=${make('in-the-query')}`, { 'Last-Event-ID': make('last') }),
  ],
  'GET /problems': [({ app }) => app.client.get('/problems')],
  'GET /problems/{code}': [
    ({ app }) => app.client.get('/problems/duplicate_name'),
    ({ app }) => app.client.get('/problems/no_such_code'),
  ],
  'GET /asyncapi.json': [({ app }) => app.client.get('/asyncapi.json')],
  'GET /health/live': [({ app }) => app.client.get('/health/live')],
  'GET /health/ready': [({ app }) => app.client.get('/health/ready')],
  'GET /metrics': [({ app }) => app.client.get('/metrics')],

  'outside the document': [
    ({ app }) => app.client.get('/docs-json'),
    ({ app }) => app.client.get('/console/'),
    ({ owner }, make) => owner.client.post(`/v1/nothing?x=${make('in-the-query')}`, { x: make('nowhere') }),
    ({ app }, make) =>
      app.client.request('OPTIONS', '/v1/platforms', {
        headers: { Origin: `https://${make('origin')}.example`, 'Access-Control-Request-Method': make('x') },
      }),
    // An old protocol: a session of the current one would be waited for.
    ({ app }, make) => app.client.get(`/socket.io/?EIO=3&transport=polling&token=${make('in-the-query')}`),
  ],
};

const NO_KEY = { id: NOWHERE, key: `pmk_AAAAAAAA_${'x'.repeat(43)}` };

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

/** Somebody whose sessions may end. With tokens that are none while nobody can register. */
async function newcomer({ app }: Canary, make: (what: string) => string) {
  const password = make('password');
  const answer = await app.client.post('/v1/auth/register', { email: `${unique()}@example.org`, password });
  const none = { user: { id: NOWHERE }, accessToken: 'none', refreshToken: 'none', password };
  return { ...none, ...answer.json<Partial<typeof none>>() };
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

/** Several operations at a time, whatever the answers are: with Redis away each write waits two seconds for a peer. */
export async function callEverything(canary: Canary): Promise<void> {
  const { secrets } = canary.app.backends;
  const operations = Object.values(CALLS).values();
  const work = async (): Promise<void> => {
    for (const calls of operations)
      for (const call of calls) await call(canary, (what) => secrets.make(what));
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
}

/** With a key that may write, which goes afterwards. */
async function proxied(
  { app, owner, platformId }: Canary,
  method: string,
  body?: unknown,
): Promise<TestResponse> {
  const made = await owner.client.post('/v1/api-keys', {
    name: unique(),
    scopes: ['platforms:use'],
    policy: { methods: [method] },
  });
  const { id, key } = made.status === 201 ? made.json<{ id: number; key: string }>() : NO_KEY;
  const worker = app.client.as({ accessToken: key });
  const answer = await worker.request(method, `/v1/platforms/${platformId}/proxy/nodeinfo/2.0`, { body });
  await owner.client.delete(`/v1/api-keys/${id}`);
  return answer;
}

/** The same routes for a user's own webhooks and for those of the installation. */
function webhookCalls(
  root: string,
  clientOf: (canary: Canary) => HttpClient,
): Record<string, readonly Call[]> {
  /** On one that was made for it, and is deleted again. */
  const on = async (
    canary: Canary,
    method: string,
    rest: string | ((path: string) => Promise<string>) = '',
    body?: unknown,
  ): Promise<TestResponse> => {
    const client = clientOf(canary);
    const url = `${canary.instance.origin}/hooks`;
    const made = await client.post(root, { url, events: ['platform.updated'] });
    const { id = NOWHERE } = made.status === 201 ? made.json<{ id?: number }>() : {};
    const path = `${root}/${id}`;
    const end = typeof rest === 'string' ? rest : await rest(path);
    const answer = await client.request(method, path + end, { body });
    await client.delete(path);
    return answer;
  };
  const events = ['platform.updated'];
  return {
    [`POST ${root}`]: [
      (canary) => on(canary, 'GET'),
      (canary, make) =>
        clientOf(canary).post(root, { url: `https://u:${make('password')}@x.example/`, events }),
      (canary, make) =>
        clientOf(canary).post(root, {
          url: canary.instance.origin,
          events: [make('event')],
          secret: make('secret'),
        }),
    ],
    [`GET ${root}`]: [(canary) => clientOf(canary).get(root)],
    [`GET ${root}/{id}`]: [(canary) => on(canary, 'GET')],
    [`PATCH ${root}/{id}`]: [
      (canary, make) => on(canary, 'PATCH', '', { labels: { a: [make('label')] } }),
      (canary) => on(canary, 'PATCH', '', { isActive: true }),
    ],
    [`DELETE ${root}/{id}`]: [(canary) => on(canary, 'DELETE')],
    [`POST ${root}/{id}/secret`]: [(canary) => on(canary, 'POST', '/secret')],
    [`POST ${root}/{id}/test`]: [(canary) => on(canary, 'POST', '/test')],
    [`POST ${root}/{id}/replay`]: [
      (canary, make) => on(canary, 'POST', '/replay', { fromEventId: make('number') }),
      (canary) => on(canary, 'POST', '/replay', { fromEventId: 1 }),
    ],
    [`GET ${root}/{id}/deliveries`]: [
      (canary, make) => on(canary, 'GET', `/deliveries?cursor=${make('cursor')}`),
      (canary) => on(canary, 'GET', '/deliveries'),
    ],
    [`POST ${root}/{id}/deliveries/{deliveryId}/resend`]: [
      (canary) => on(canary, 'POST', `/deliveries/${NOWHERE}/resend`),
      (canary) =>
        on(canary, 'POST', async (path) => {
          const sent = await clientOf(canary).post(`${path}/test`);
          const { id = NOWHERE } = sent.status === 202 ? sent.json<{ id?: number }>() : {};
          return `/deliveries/${id}/resend`;
        }),
    ],
  };
}
