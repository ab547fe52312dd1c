import type { components } from '../../../clients/typescript/src/index.js';

type Schemas = components['schemas'];
export type AuditAction = Schemas['AuditAction'];
export type AuditEntry = Schemas['AuditEntryDto'];
export type Scope = Schemas['CreateApiKeyDto']['scopes'][number];

/** What an API key may do. */
export const SCOPE_WORDS: Readonly<Record<Scope, string>> = {
  'platforms:read': 'See connections and statistics',
  'platforms:write': 'Add, change, test and delete connections',
  'platforms:use': 'Use connections at their servers, without seeing tokens',
  'credentials:read': 'Read access tokens and client secrets',
  'activities:write': 'Report posts, images and runs',
};

export const WEBHOOK_EVENT_WORDS: Readonly<Record<Schemas['CreateWebhookDto']['events'][number], string>> = {
  'platform.broken': 'A connection breaks',
  'platform.recovered': 'A connection works again',
  'platform.token_expiring': 'A token expires soon',
  'platform.credentials_changed': 'Credentials changed',
  'platform.created': 'A connection is added',
  'platform.updated': 'A connection changes',
  'platform.deleted': 'A connection is deleted',
  'platform.default_changed': 'The default changes',
  'platform.status_changed': 'The status changes',
};

export const DELIVERY_WORDS: Readonly<Record<Schemas['DeliveryDto']['status'], string>> = {
  pending: 'Waiting',
  delivered: 'Delivered',
  failed: 'Given up',
};

export const PAUSE_WORDS: Readonly<Record<NonNullable<Schemas['WebhookDto']['pausedBecause']>, string>> = {
  owner: 'Paused',
  failing: 'Paused: accepted nothing for a day',
  gone: 'Paused: the address is gone',
  secret: 'Paused: make a new secret',
};

type Method = NonNullable<NonNullable<Schemas['CreateApiKeyDto']['policy']>['methods']>[number];

/** What an API key may do at servers. */
export const METHOD_WORDS: Readonly<Record<Method, string>> = {
  GET: 'Read (GET)',
  HEAD: 'See whether something is there (HEAD)',
  POST: 'Post and upload (POST)',
  PUT: 'Replace (PUT)',
  PATCH: 'Change (PATCH)',
  DELETE: 'Delete (DELETE)',
};

export const ACTION_WORDS: Readonly<Record<AuditAction, string>> = {
  'account.register': 'Account created',
  'account.role': 'Role changed',
  'account.password': 'Password changed',
  'account.password_reset': 'New password by mail',
  'account.verify_email': 'E-mail address confirmed',
  'account.email': 'E-mail address changed',
  'account.disable': 'Account disabled or enabled',
  'account.delete': 'Account deleted',
  'account.export': 'Account exported',
  'account.invite': 'Invitation made',
  'account.notices': 'Messages by mail changed',
  'second_factor.add': 'Second factor added',
  'second_factor.codes': 'Recovery codes',
  'second_factor.remove': 'Second factor removed',
  'session.begin': 'Logged in',
  'session.confirm': 'Confirmed who it is',
  'session.end': 'Session ended',
  'session.reuse': 'Used refresh token presented again',
  'api_key.create': 'API key made',
  'api_key.revoke': 'API key revoked',
  'webhook.create': 'Webhook made',
  'webhook.change': 'Webhook changed',
  'webhook.delete': 'Webhook deleted',
  'webhook.secret': 'New secret of a webhook',
  'platform.create': 'Connection added',
  'platform.delete': 'Connection deleted',
  'connect.link': 'Connect link',
  'connect.finish': 'Connected at the instance',
  'credentials.change': 'Credentials changed',
  'credentials.reveal': 'Credentials read',
  'proxy.request': 'Used at its server',
  'credentials.refresh': 'Access token renewed',
  'credentials.seal': 'Credentials sealed',
  'credentials.import': 'Credentials imported',
  'credentials.export': 'Credentials exported',
  'keys.rotate': 'Encryption key rotated',
  'installation.restore': 'Server restored from a backup',
  'admin.request': 'Administrator’s request',
  'audit.begin': 'Log started',
  'audit.trim': 'Old entries removed',
  'audit.broken': 'Log found damaged',
};

/** They say no more than the action itself. */
const PLAIN = 'done revealed admitted used changed reset removed requested invited withdrawn'.split(' ');
/** They say more, and nothing has failed. */
const GOOD =
  'connected renewed confirmation_required begun completed undone sessions_ended enabled disabled admin user'.split(
    ' ',
  );

/** What came of it, if that is not what the action itself says. */
export function outcomeOf({
  outcome,
}: AuditEntry): { readonly text: string; readonly isBad: boolean } | null {
  if (PLAIN.includes(outcome)) return null;
  return { text: outcome.replaceAll('_', ' '), isBad: !GOOD.includes(outcome) };
}

export function actorOf({ actor, apiKeyId }: AuditEntry): string {
  if (actor === 'guest') return 'somebody with a connect link of yours';
  if (actor === 'operator') return 'an operator of this server';
  if (actor === 'system') return 'the server';
  return apiKeyId === null ? 'you' : `API key ${apiKeyId}`;
}
