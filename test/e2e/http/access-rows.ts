import { type Person, createPlatform, platformInput, unique } from '../../support/factories.js';
import type { Secrets } from '../../support/secrets.js';
import { addPasskey } from '../../support/software-passkey.js';
import { createWebhook, deliveriesOf } from '../../support/webhooks.js';

export type Needs =
  | 'public'
  | 'session'
  | 'admin'
  | 'platforms:read'
  | 'platforms:write'
  | 'platforms:use'
  | 'credentials:read'
  | 'activities:write';

export interface RowContext {
  /** Whose resource it is. */
  readonly owner: Person;
  readonly secrets: Secrets;
  /** Origin of an instance that may be asked. */
  readonly instance: string;
}

export interface RowRequest {
  readonly path: string;
  readonly body?: unknown;
}

export interface AccessRow {
  readonly needs: Needs;
  /** What the owner, or an admin on an admin route, or anybody on a public one, is answered. */
  readonly ok: number;
  /** What another person with the same rights is answered. Their own collection, by default: the same as the owner. */
  readonly stranger?: number;
  /** A key that is limited to connections may use it and sees only these. Without it, such a key is refused. */
  readonly narrowed?: true;
  /** The answer holds credentials, which have no place in the record of exchanges. */
  readonly secret?: true;
  /** A request that works once for the owner, with what it needs already there. */
  readonly request: (context: RowContext) => Promise<RowRequest>;
}

const plain = (path: string, body?: unknown) => (): Promise<RowRequest> => Promise.resolve({ path, body });

/** A request to a connection of the owner's that was made for it. */
const onPlatform =
  (path: (id: number) => string, body?: (context: RowContext) => unknown) =>
  async (context: RowContext): Promise<RowRequest> => {
    const { id } = await createPlatform(context.owner, context.secrets);
    return { path: path(id), body: body?.(context) };
  };

/** One that is not the caller's own. */
async function sessionOf({ owner: { client, email, password } }: RowContext): Promise<number> {
  // Left by other rows: with one, the password alone does not sign in.
  const passkeys = (await client.get('/v1/me/passkeys')).json<{ id: number }[]>();
  for (const { id } of passkeys) await client.delete(`/v1/me/passkeys/${id}`);
  const session = await client.post('/v1/auth/login', { email, password });
  const open = await client.as(session.json()).get('/v1/sessions');
  return open.json<{ id: number; current: boolean }[]>().find(({ current }) => current)?.id ?? 0;
}

/** Through the proxy, to an instance that answers. */
const atInstance =
  (body?: unknown) =>
  async ({ owner, secrets, instance }: RowContext): Promise<RowRequest> => {
    const { id } = await createPlatform(owner, secrets, { instanceUrl: instance });
    return { path: `/v1/platforms/${id}/proxy/nodeinfo/2.0`, body };
  };

/** A request about the owner. */
const onUser =
  (path: string, body?: unknown) =>
  ({ owner }: RowContext): Promise<RowRequest> =>
    Promise.resolve({ path: `/v1/admin/users/${owner.id}${path}`, body });

async function passkeyOf({ owner: { client } }: RowContext): Promise<number> {
  return (await addPasskey(client)).json<{ id: number }>().id;
}

async function keyOf({ owner }: RowContext): Promise<number> {
  const answer = await owner.client.post('/v1/api-keys', { name: unique(), scopes: ['platforms:read'] });
  return answer.json<{ id: number }>().id;
}

/** That does not happen here: what is sent changes rows by itself. */
const HOOK_EVENTS = ['platform.token_expiring'];

/** A request to a webhook of the owner's that was made for it, and is paused. */
const onWebhook =
  (rest = '', body?: unknown) =>
  async ({ owner, instance }: RowContext): Promise<RowRequest> => {
    for (const { id } of (await owner.client.get('/v1/webhooks')).json<{ id: number }[]>())
      await owner.client.delete(`/v1/webhooks/${id}`);
    const { id } = await createWebhook(owner.client, instance, HOOK_EVENTS);
    await owner.client.patch(`/v1/webhooks/${id}`, { isActive: false });
    return { path: `/v1/webhooks/${id}${rest}`, body };
  };

const activity = () => [
  { kind: 'post', externalId: unique(), status: 'published', occurredAt: '2026-11-22T12:00:00Z' },
];

/** Who may do what: one row a route. A route of the OpenAPI document that is not here fails the test. */
export const ACCESS_ROWS: Readonly<Record<string, AccessRow>> = {
  'POST /v1/admin/cache/warm': {
    needs: 'admin',
    ok: 202,
    request: plain('/v1/admin/cache/warm', { users: 1 }),
  },
  'GET /v1/events': { needs: 'platforms:read', ok: 200, narrowed: true, request: plain('/v1/events') },
  'POST /v1/instances/lookup': {
    needs: 'platforms:read',
    ok: 200,
    request: ({ instance }) => plain('/v1/instances/lookup', { instance })(),
  },
  'POST /v1/connect': {
    needs: 'platforms:write',
    ok: 200,
    request: ({ instance }) => plain('/v1/connect', { instance })(),
  },
  // Nothing is published without an https PUBLIC_URL.
  'GET /v1/connect/bluesky/client-metadata.json': {
    needs: 'public',
    ok: 404,
    request: plain('/v1/connect/bluesky/client-metadata.json'),
  },
  'GET /v1/connect/bluesky/jwks.json': {
    needs: 'public',
    ok: 404,
    request: plain('/v1/connect/bluesky/jwks.json'),
  },
  'GET /v1/connect/callback/{key}': { needs: 'public', ok: 400, request: plain('/v1/connect/callback/key') },
  'POST /v1/connect/finish': {
    needs: 'platforms:write',
    // Nobody has been to an instance.
    ok: 404,
    request: plain('/v1/connect/finish', { attempt: 'x' }),
  },
  'GET /v1/platforms/{id}/checks': {
    needs: 'platforms:read',
    ok: 200,
    stranger: 404,
    request: onPlatform((id) => `/v1/platforms/${id}/checks`),
  },
  'POST /v1/connect/links': {
    needs: 'platforms:write',
    ok: 201,
    request: plain('/v1/connect/links', { externalUserId: 'customer-1' }),
  },
  'GET /v1/connect/links': { needs: 'platforms:read', ok: 200, request: plain('/v1/connect/links') },
  'DELETE /v1/connect/links/{id}': {
    needs: 'platforms:write',
    ok: 204,
    stranger: 404,
    request: async ({ owner }) => {
      const made = await owner.client.post('/v1/connect/links', { externalUserId: 'customer-1' });
      return { path: `/v1/connect/links/${made.json<{ id: number }>().id}` };
    },
  },
  // Without a link that is known.
  'POST /v1/connect/guest': {
    needs: 'public',
    ok: 404,
    request: plain('/v1/connect/guest', { link: 'x' }),
  },
  'POST /v1/connect/guest/lookup': {
    needs: 'public',
    ok: 404,
    request: plain('/v1/connect/guest/lookup', { link: 'x', instance: 'mastodon.example' }),
  },
  'POST /v1/connect/guest/begin': {
    needs: 'public',
    ok: 404,
    request: plain('/v1/connect/guest/begin', { link: 'x', instance: 'mastodon.example' }),
  },
  'POST /v1/connect/guest/finish': {
    needs: 'public',
    ok: 404,
    request: plain('/v1/connect/guest/finish', { attempt: 'x' }),
  },
  // Off by default.
  'POST /mcp': {
    needs: 'platforms:read',
    ok: 404,
    narrowed: true,
    request: plain('/mcp', { jsonrpc: '2.0', id: 1, method: 'tools/list' }),
  },
  'POST /v1/platforms/{id}/test': {
    needs: 'platforms:write',
    ok: 200,
    stranger: 404,
    request: onPlatform((id) => `/v1/platforms/${id}/test`),
  },
  'POST /v1/platforms/{id}/credentials': {
    needs: 'credentials:read',
    ok: 200,
    stranger: 404,
    secret: true,
    request: onPlatform(
      (id) => `/v1/platforms/${id}/credentials`,
      () => ({ reason: 'To see who may' }),
    ),
  },
  'GET /v1/platforms/{id}/proxy/{path}': {
    needs: 'platforms:use',
    ok: 200,
    stranger: 404,
    request: atInstance(),
  },
  // Without a policy that names the method, nobody may.
  'POST /v1/platforms/{id}/proxy/{path}': {
    needs: 'platforms:use',
    ok: 403,
    stranger: 403,
    request: atInstance({ status: 'x' }),
  },
  'PUT /v1/platforms/{id}/proxy/{path}': {
    needs: 'platforms:use',
    ok: 403,
    stranger: 403,
    request: atInstance({ status: 'x' }),
  },
  'PATCH /v1/platforms/{id}/proxy/{path}': {
    needs: 'platforms:use',
    ok: 403,
    stranger: 403,
    request: atInstance({ status: 'x' }),
  },
  'DELETE /v1/platforms/{id}/proxy/{path}': {
    needs: 'platforms:use',
    ok: 403,
    stranger: 403,
    request: atInstance(),
  },
  'GET /v1/platforms/{id}/audit': {
    needs: 'session',
    ok: 200,
    stranger: 404,
    request: onPlatform((id) => `/v1/platforms/${id}/audit`),
  },
  'GET /health/live': { needs: 'public', ok: 200, request: plain('/health/live') },
  'GET /health/ready': { needs: 'public', ok: 200, request: plain('/health/ready') },
  'GET /problems': { needs: 'public', ok: 200, request: plain('/problems') },
  'GET /problems/{code}': { needs: 'public', ok: 200, request: plain('/problems/forbidden') },
  'GET /asyncapi.json': { needs: 'public', ok: 200, request: plain('/asyncapi.json') },
  'GET /metrics': { needs: 'public', ok: 200, request: plain('/metrics') },

  'POST /v1/auth/register': {
    needs: 'public',
    ok: 201,
    request: ({ secrets }) =>
      plain('/v1/auth/register', { email: `${unique()}@example.org`, password: secrets.make('password') })(),
  },
  'POST /v1/auth/login': {
    needs: 'public',
    ok: 200,
    request: ({ owner: { email, password } }) => plain('/v1/auth/login', { email, password })(),
  },
  'POST /v1/auth/refresh': {
    needs: 'public',
    ok: 200,
    request: async ({ owner: { client, email, password } }) => {
      const { refreshToken } = (await client.post('/v1/auth/login', { email, password })).json();
      return { path: '/v1/auth/refresh', body: { refreshToken } };
    },
  },
  'POST /v1/auth/logout': {
    needs: 'public',
    ok: 204,
    request: plain('/v1/auth/logout', { refreshToken: 'unknown' }),
  },
  'GET /v1/me': { needs: 'session', ok: 200, request: plain('/v1/me') },
  'GET /v1/me/export': { needs: 'session', ok: 200, request: plain('/v1/me/export') },
  'DELETE /v1/me': {
    needs: 'session',
    // For the same reasons as with the password.
    ok: 400,
    request: plain('/v1/me', { currentPassword: 1 }),
  },

  'PUT /v1/me/password': {
    needs: 'session',
    // A change would take the sessions of the other rows away, and a wrong password leaves a trace.
    ok: 400,
    request: plain('/v1/me/password', { currentPassword: 'x', newPassword: 'too short' }),
  },

  // Without a mail server. With one, messages would be sent and change rows at any time.
  'POST /v1/auth/password-reset': {
    needs: 'public',
    ok: 403,
    request: plain('/v1/auth/password-reset', { email: 'ada@example.org' }),
  },
  'PUT /v1/auth/password-reset': {
    needs: 'public',
    ok: 403,
    request: plain('/v1/auth/password-reset', { token: 'x', newPassword: 'a-password-for-nobody' }),
  },
  'POST /v1/auth/confirm': {
    needs: 'session',
    // For the same reasons as with the password.
    ok: 400,
    request: plain('/v1/auth/confirm', { password: 1 }),
  },
  'GET /v1/me/totp': { needs: 'session', ok: 200, request: plain('/v1/me/totp') },
  'POST /v1/me/totp': { needs: 'session', ok: 201, secret: true, request: plain('/v1/me/totp') },
  'PUT /v1/me/totp': { needs: 'session', ok: 400, request: plain('/v1/me/totp', { code: 'x' }) },
  'POST /v1/me/totp/recovery-codes': {
    needs: 'session',
    ok: 404,
    request: plain('/v1/me/totp/recovery-codes'),
  },
  'DELETE /v1/me/totp': {
    needs: 'session',
    ok: 204,
    stranger: 404,
    request: async ({ owner }) => {
      await owner.client.post('/v1/me/totp');
      return { path: '/v1/me/totp' };
    },
  },
  'POST /v1/auth/verify-email': {
    needs: 'public',
    ok: 403,
    request: plain('/v1/auth/verify-email', { token: 'x' }),
  },
  'GET /v1/me/passkeys': { needs: 'session', ok: 200, request: plain('/v1/me/passkeys') },
  'POST /v1/me/passkeys/options': {
    needs: 'session',
    ok: 200,
    request: plain('/v1/me/passkeys/options'),
  },
  'POST /v1/me/passkeys': {
    needs: 'session',
    ok: 403,
    request: plain('/v1/me/passkeys', { name: 'x', response: {} }),
  },
  'PATCH /v1/me/passkeys/{id}': {
    needs: 'session',
    ok: 200,
    stranger: 404,
    request: async (context) => ({
      path: `/v1/me/passkeys/${await passkeyOf(context)}`,
      body: { name: 'x' },
    }),
  },
  'DELETE /v1/me/passkeys/{id}': {
    needs: 'session',
    ok: 204,
    stranger: 404,
    request: async (context) => ({ path: `/v1/me/passkeys/${await passkeyOf(context)}` }),
  },
  'POST /v1/auth/passkey/options': { needs: 'public', ok: 200, request: plain('/v1/auth/passkey/options') },
  'POST /v1/auth/passkey': {
    needs: 'public',
    ok: 403,
    request: plain('/v1/auth/passkey', { response: {} }),
  },
  'GET /v1/admin/system': { needs: 'admin', ok: 200, request: plain('/v1/admin/system') },
  'GET /v1/me/notices': { needs: 'session', ok: 200, request: plain('/v1/me/notices') },
  'PUT /v1/me/notices': {
    needs: 'session',
    ok: 200,
    request: plain('/v1/me/notices', {
      ...{ newSignIn: true, apiKeyMade: true, credentialsRevealed: false, connections: true },
    }),
  },
  'PUT /v1/me/email': {
    needs: 'session',
    ok: 403,
    request: plain('/v1/me/email', { email: 'ada@example.org' }),
  },
  'POST /v1/auth/change-email': {
    needs: 'public',
    ok: 403,
    request: plain('/v1/auth/change-email', { token: 'x' }),
  },
  'POST /v1/me/verify-email': { needs: 'session', ok: 403, request: plain('/v1/me/verify-email') },

  'GET /v1/sessions': { needs: 'session', ok: 200, request: plain('/v1/sessions') },
  'DELETE /v1/sessions/{id}': {
    needs: 'session',
    ok: 204,
    stranger: 404,
    request: async (context) => ({ path: `/v1/sessions/${await sessionOf(context)}` }),
  },
  'DELETE /v1/sessions': { needs: 'session', ok: 204, request: plain('/v1/sessions') },

  'GET /v1/api-keys': { needs: 'session', ok: 200, request: plain('/v1/api-keys') },
  'POST /v1/api-keys': {
    needs: 'session',
    ok: 201,
    request: plain('/v1/api-keys', { name: 'x', scopes: ['platforms:read'] }),
  },
  'DELETE /v1/api-keys/{id}': {
    needs: 'session',
    ok: 204,
    stranger: 404,
    request: async (context) => ({ path: `/v1/api-keys/${await keyOf(context)}` }),
  },

  'GET /v1/webhooks': { needs: 'session', ok: 200, request: plain('/v1/webhooks') },
  'POST /v1/webhooks': {
    needs: 'session',
    ok: 201,
    request: ({ instance }) => plain('/v1/webhooks', { url: instance, events: HOOK_EVENTS })(),
  },
  'GET /v1/webhooks/{id}': { needs: 'session', ok: 200, stranger: 404, request: onWebhook() },
  'PATCH /v1/webhooks/{id}': {
    needs: 'session',
    ok: 200,
    stranger: 404,
    request: onWebhook('', { isActive: false }),
  },
  'DELETE /v1/webhooks/{id}': { needs: 'session', ok: 204, stranger: 404, request: onWebhook() },
  'POST /v1/webhooks/{id}/secret': {
    needs: 'session',
    ok: 200,
    stranger: 404,
    request: onWebhook('/secret'),
  },
  'POST /v1/webhooks/{id}/test': { needs: 'session', ok: 202, stranger: 404, request: onWebhook('/test') },
  'POST /v1/webhooks/{id}/replay': {
    needs: 'session',
    ok: 202,
    stranger: 404,
    request: onWebhook('/replay', { fromEventId: 1 }),
  },
  'GET /v1/webhooks/{id}/deliveries': {
    needs: 'session',
    ok: 200,
    stranger: 404,
    request: onWebhook('/deliveries'),
  },
  'POST /v1/webhooks/{id}/deliveries/{deliveryId}/resend': {
    needs: 'session',
    ok: 202,
    stranger: 404,
    request: async (context) => {
      const { path } = await onWebhook()(context);
      const { client } = context.owner;
      await client.post(`${path}/test`);
      const [delivery] = await deliveriesOf(client, Number(path.split('/').at(-1)));
      return { path: `${path}/deliveries/${delivery?.id}/resend` };
    },
  },

  'GET /v1/platforms': { needs: 'platforms:read', ok: 200, narrowed: true, request: plain('/v1/platforms') },
  'GET /v1/platforms/default': {
    needs: 'platforms:read',
    ok: 200,
    narrowed: true,
    stranger: 404,
    request: onPlatform(() => '/v1/platforms/default'),
  },
  'GET /v1/platforms/{id}': {
    needs: 'platforms:read',
    ok: 200,
    stranger: 404,
    request: onPlatform((id) => `/v1/platforms/${id}`),
  },
  'GET /v1/platforms/{id}/avatar': {
    needs: 'platforms:read',
    // No instance has said yet where the picture is.
    ok: 404,
    stranger: 404,
    request: onPlatform((id) => `/v1/platforms/${id}/avatar`),
  },
  'POST /v1/platforms': {
    needs: 'platforms:write',
    ok: 201,
    request: ({ secrets }) => Promise.resolve({ path: '/v1/platforms', body: platformInput(secrets) }),
  },
  'PATCH /v1/platforms/{id}': {
    needs: 'platforms:write',
    ok: 200,
    stranger: 404,
    request: onPlatform(
      (id) => `/v1/platforms/${id}`,
      () => ({ name: `Renamed ${unique()}` }),
    ),
  },
  'DELETE /v1/platforms/{id}': {
    needs: 'platforms:write',
    ok: 204,
    stranger: 404,
    request: onPlatform((id) => `/v1/platforms/${id}`),
  },
  'PUT /v1/platforms/{id}/default': {
    needs: 'platforms:write',
    ok: 200,
    stranger: 404,
    request: onPlatform((id) => `/v1/platforms/${id}/default`),
  },
  'POST /v1/platforms/cache/refresh': {
    needs: 'platforms:read',
    ok: 200,
    narrowed: true,
    request: plain('/v1/platforms/cache/refresh'),
  },
  'DELETE /v1/platforms/cache': {
    needs: 'platforms:read',
    ok: 204,
    narrowed: true,
    request: plain('/v1/platforms/cache'),
  },

  'GET /v1/platforms/default/stats': {
    needs: 'platforms:read',
    ok: 200,
    narrowed: true,
    stranger: 404,
    request: onPlatform(() => '/v1/platforms/default/stats'),
  },
  'GET /v1/platforms/{id}/stats': {
    needs: 'platforms:read',
    ok: 200,
    stranger: 404,
    request: onPlatform((id) => `/v1/platforms/${id}/stats`),
  },
  'GET /v1/platforms/{id}/stats/history': {
    needs: 'platforms:read',
    ok: 200,
    stranger: 404,
    request: onPlatform((id) => `/v1/platforms/${id}/stats/history`),
  },
  'GET /v1/platforms/{id}/stats/activity': {
    needs: 'platforms:read',
    ok: 200,
    stranger: 404,
    request: onPlatform((id) => `/v1/platforms/${id}/stats/activity`),
  },
  'POST /v1/platforms/{id}/activities': {
    needs: 'activities:write',
    ok: 200,
    stranger: 404,
    request: onPlatform((id) => `/v1/platforms/${id}/activities`, activity),
  },

  'GET /v1/admin/platforms': { needs: 'admin', ok: 200, request: plain('/v1/admin/platforms') },
  'GET /v1/audit': { needs: 'session', ok: 200, request: plain('/v1/audit') },
  'GET /v1/admin/users': { needs: 'admin', ok: 200, request: plain('/v1/admin/users') },
  'GET /v1/admin/users/{id}': { needs: 'admin', ok: 200, request: onUser('') },
  'PATCH /v1/admin/users/{id}': { needs: 'admin', ok: 200, request: onUser('', { role: 'user' }) },
  'DELETE /v1/admin/users/{id}': {
    needs: 'admin',
    ok: 404,
    request: plain('/v1/admin/users/2000000000'),
  },
  'DELETE /v1/admin/users/{id}/sessions': {
    needs: 'admin',
    ok: 404,
    request: plain('/v1/admin/users/2000000000/sessions'),
  },
  'POST /v1/admin/invitations': {
    needs: 'admin',
    ok: 201,
    secret: true,
    request: plain('/v1/admin/invitations', {}),
  },
  'GET /v1/admin/invitations': { needs: 'admin', ok: 200, request: plain('/v1/admin/invitations') },
  'DELETE /v1/admin/invitations/{id}': {
    needs: 'admin',
    ok: 404,
    request: plain('/v1/admin/invitations/2000000000'),
  },
  'GET /v1/admin/webhooks': { needs: 'admin', ok: 200, request: plain('/v1/admin/webhooks') },
  'POST /v1/admin/webhooks': {
    needs: 'admin',
    ok: 201,
    request: ({ instance }) => plain('/v1/admin/webhooks', { url: instance, events: HOOK_EVENTS })(),
  },
  ...Object.fromEntries(
    [
      ...['GET ', 'PATCH ', 'DELETE ', 'POST /secret', 'POST /test', 'GET /deliveries'],
      ...['POST /replay', 'POST /deliveries/{deliveryId}/resend'],
    ].map((route) => {
      const [method = '', rest = ''] = route.split(' ');
      const body =
        method === 'PATCH' ? { isActive: false } : rest === '/replay' ? { fromEventId: 1 } : undefined;
      const path = `/v1/admin/webhooks/2000000000${rest.replace('{deliveryId}', '1')}`;
      const row: AccessRow = { needs: 'admin', ok: 404, request: plain(path, body) };
      return [`${method} /v1/admin/webhooks/{id}${rest}`, row];
    }),
  ),
  'GET /v1/admin/audit': { needs: 'admin', ok: 200, request: plain('/v1/admin/audit') },
  'GET /v1/admin/cache': { needs: 'admin', ok: 200, request: plain('/v1/admin/cache') },
  'DELETE /v1/admin/cache/users/{id}': {
    needs: 'admin',
    ok: 204,
    request: ({ owner }) => Promise.resolve({ path: `/v1/admin/cache/users/${owner.id}` }),
  },
};
