/** What a token may do at the fake, and what state its account is in. */
export type TokenState = 'good' | 'invalid' | 'missing-scope' | 'disabled' | 'pending' | 'unverified-email';

export type FakeSoftware =
  | 'mastodon'
  | 'mastodon-old'
  | 'hometown'
  | 'pixelfed'
  | 'pleroma'
  | 'akkoma'
  | 'gotosocial'
  | 'gotosocial-old'
  | 'friendica'
  | 'misskey'
  | 'misskey-old'
  | 'cherrypick'
  | 'sharkey'
  | 'iceshrimp-net'
  | 'takahe'
  | 'hollo'
  | 'snac'
  | 'wordpress'
  | 'something-new'
  | 'peertube'
  | 'blog';

export interface Refusal {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Behaviour {
  /** As nodeinfo says it. */
  readonly name: string;
  readonly version: string;
  readonly nodeinfoVersions: readonly string[];
  /** RFC 8414 metadata at /.well-known/oauth-authorization-server. */
  readonly metadata: boolean;
  readonly tokenLifetimeSeconds: number | null;
  readonly refreshTokens: boolean;
  /** How verify_credentials refuses; absent: this software has no such answer. */
  readonly refusals: Readonly<Partial<Record<Exclude<TokenState, 'good'>, Refusal>>>;
  readonly rateLimited: Refusal | null;
  readonly rateLimitHeaders: (resetsAt: Date) => Readonly<Record<string, string>>;
  /** The scope that verify_credentials asks for; any of them will do. */
  readonly verifyScopes: readonly string[];
  readonly revokeKillsAllOfApp: boolean;
  /** snac: an app remembers who logged in last and ignores the code; revoking deletes the app. */
  readonly singleUseApps?: true;
  /** What its metadata lists, if it has any. */
  readonly scopesSupported?: readonly string[];
  /** Refuses to register an application for a scope that is not in `scopesSupported`. */
  readonly strictScopes?: true;
  /** The metadata is of another program at this host, at which applications register elsewhere. */
  readonly foreignMetadata?: true;
  /** Over the fields of each reply with a token. */
  readonly tokenReply?: Readonly<Record<string, unknown>>;
  /** Absent: it answers the four endpoints of the Mastodon API. */
  readonly otherApi?: true;
  /** What it has of Misskey's API; absent: nothing. */
  readonly misskey?: MisskeyBehaviour;
}

/** How versions and forks of Misskey differ. */
export interface MisskeyBehaviour {
  /** Statuses of AUTHENTICATION_FAILED and PERMISSION_DENIED. */
  readonly badToken: 401 | 403;
  readonly denied: 400 | 403;
  /** How an account that has moved names the new one. */
  readonly moved: 'id' | 'uri' | 'user';
  /** The `info` of RATE_LIMIT_EXCEEDED. */
  readonly limitInfo: (resetsAt: Date) => Readonly<Record<string, unknown>> | undefined;
}

const error = (status: number, message: string): Refusal => ({ status, body: { error: message } });
const none = (): Record<string, string> => ({});

/** How snac says that it refuses: with a type, and no body. */
export const EMPTY_PAGE = { 'Content-Type': 'text/html; charset=utf-8' } as const;

const RESET = new Date('2030-01-01T00:05:00.000Z');

const mastodon: Behaviour = {
  name: 'mastodon',
  version: '4.4.2+glitch',
  nodeinfoVersions: ['2.0'],
  metadata: true,
  tokenLifetimeSeconds: null,
  refreshTokens: false,
  refusals: {
    invalid: error(401, 'The access token is invalid'),
    'missing-scope': error(403, 'This action is outside the authorized scopes'),
    disabled: error(403, 'Your login is currently disabled'),
    pending: error(403, 'Your login is currently pending approval'),
    'unverified-email': error(403, 'Your login is missing a confirmed e-mail address'),
  },
  rateLimited: {
    ...error(429, 'Too many requests'),
    headers: {
      'X-RateLimit-Limit': '300',
      'X-RateLimit-Remaining': '0',
      'X-RateLimit-Reset': String(RESET.getTime() / 1000),
    },
  },
  rateLimitHeaders: (resetsAt) => ({
    'X-RateLimit-Limit': '300',
    'X-RateLimit-Remaining': '299',
    'X-RateLimit-Reset': String(Math.floor(resetsAt.getTime() / 1000)),
  }),
  verifyScopes: ['profile', 'read', 'read:accounts'],
  revokeKillsAllOfApp: false,
};

const pleroma: Behaviour = {
  name: 'pleroma',
  version: '2.7.0',
  nodeinfoVersions: ['2.0', '2.1'],
  metadata: false,
  tokenLifetimeSeconds: 600,
  refreshTokens: true,
  refusals: {
    invalid: error(403, 'Invalid credentials.'),
    'missing-scope': error(403, 'Insufficient permissions: read:accounts.'),
    disabled: error(403, 'Your account is currently disabled'),
    pending: error(403, 'Your account is awaiting approval.'),
    'unverified-email': error(403, 'Your login is missing a confirmed e-mail address'),
  },
  rateLimited: error(429, 'Throttled'),
  rateLimitHeaders: none,
  verifyScopes: ['read', 'read:accounts'],
  revokeKillsAllOfApp: false,
};

const misskey: Behaviour = {
  ...mastodon,
  name: 'misskey',
  version: '2025.4.1',
  nodeinfoVersions: ['2.1', '2.0'],
  metadata: false,
  otherApi: true,
  verifyScopes: ['read:account'],
  misskey: {
    badToken: 401,
    denied: 403,
    moved: 'id',
    limitInfo: (resetsAt) => ({ remaining: 0, resetMs: resetsAt.getTime() }),
  },
};

const gotosocial: Behaviour = {
  name: 'gotosocial',
  version: '0.19.1+git-1234567',
  nodeinfoVersions: ['2.0', '2.1'],
  metadata: false,
  tokenLifetimeSeconds: null,
  refreshTokens: false,
  refusals: {
    invalid: error(401, 'Unauthorized: token not recognized'),
    'missing-scope': error(403, 'Forbidden: token has insufficient scope permission'),
  },
  rateLimited: {
    ...error(429, 'rate limit exceeded'),
    headers: {
      'X-RateLimit-Limit': '300',
      'X-RateLimit-Remaining': '0',
      'X-RateLimit-Reset': RESET.toISOString(),
    },
  },
  rateLimitHeaders: (resetsAt) => ({
    'X-RateLimit-Limit': '300',
    'X-RateLimit-Remaining': '299',
    'X-RateLimit-Reset': resetsAt.toISOString(),
  }),
  verifyScopes: ['profile', 'read', 'read:accounts'],
  revokeKillsAllOfApp: false,
};

export const BEHAVIOURS: Readonly<Record<FakeSoftware, Behaviour>> = {
  mastodon,
  'mastodon-old': {
    ...mastodon,
    version: '4.2.10',
    metadata: false,
    verifyScopes: ['read', 'read:accounts'],
  },
  hometown: {
    ...mastodon,
    name: 'hometown',
    version: '1.1.1',
    metadata: false,
    verifyScopes: ['read', 'read:accounts'],
  },
  pleroma,
  akkoma: { ...pleroma, name: 'akkoma', version: '3.13.2' },
  pixelfed: {
    name: 'pixelfed',
    version: '0.12.5',
    nodeinfoVersions: ['2.0'],
    metadata: false,
    tokenLifetimeSeconds: 365 * 86_400,
    refreshTokens: true,
    refusals: {
      invalid: { status: 302, headers: { Location: '/login', 'Content-Type': 'text/html' } },
      'missing-scope': { status: 403, body: { message: 'Invalid scope(s) provided.' } },
      disabled: { status: 403, body: { message: '' } },
      'unverified-email': {
        status: 302,
        headers: { Location: '/i/verify-email', 'Content-Type': 'text/html' },
      },
    },
    rateLimited: null,
    rateLimitHeaders: none,
    verifyScopes: ['read'],
    revokeKillsAllOfApp: false,
  },
  gotosocial,
  // Scopes are not enforced, and a token that never expires has `expires_in: 0`.
  'gotosocial-old': {
    ...gotosocial,
    version: '0.3.8',
    refusals: { invalid: error(401, 'Unauthorized') },
    rateLimited: null,
    rateLimitHeaders: none,
    tokenReply: { expires_in: 0 },
  },
  friendica: {
    name: 'Friendica',
    version: '2024.08-1572',
    nodeinfoVersions: ['1.0', '2.0', '2.1', '2.2'],
    metadata: false,
    tokenLifetimeSeconds: null,
    refreshTokens: false,
    refusals: {
      invalid: { status: 403, body: { error: 'Forbidden', error_description: 'This API requires login' } },
      'missing-scope': {
        status: 403,
        body: { error: 'Forbidden', error_description: 'The token does not have the required scope' },
      },
    },
    rateLimited: null,
    rateLimitHeaders: none,
    verifyScopes: ['read'],
    revokeKillsAllOfApp: true,
  },
  misskey,
  'misskey-old': {
    ...misskey,
    version: '12.119.2',
    misskey: { badToken: 403, denied: 400, moved: 'user', limitInfo: () => undefined },
  },
  cherrypick: { ...misskey, name: 'cherrypick', version: '4.15.0' },
  sharkey: {
    ...mastodon,
    name: 'sharkey',
    version: '2025.4.3',
    metadata: false,
    verifyScopes: ['read'],
    misskey: {
      badToken: 401,
      denied: 403,
      moved: 'uri',
      limitInfo: (resetsAt) => ({ blocked: true, remaining: 0, resetMs: resetsAt.getTime() - Date.now() }),
    },
  },
  'iceshrimp-net': {
    ...mastodon,
    name: 'Iceshrimp.NET',
    version: '2025.1-beta5',
    metadata: false,
    verifyScopes: ['read', 'read:accounts'],
  },
  takahe: {
    ...mastodon,
    name: 'takahe',
    version: '0.11.0',
    metadata: false,
    verifyScopes: ['read'],
  },
  // src/oauth/middleware.ts and validators.ts.
  hollo: {
    ...mastodon,
    name: 'hollo',
    version: '0.10.1',
    refusals: { invalid: error(401, 'invalid_token'), 'missing-scope': error(403, 'insufficient_scope') },
    rateLimited: null,
    rateLimitHeaders: none,
    scopesSupported: ['read', 'read:accounts', 'write', 'profile'],
    strictScopes: true,
  },
  snac: {
    ...mastodon,
    name: 'snac',
    version: '2.75',
    metadata: false,
    refusals: { invalid: { status: 422, headers: EMPTY_PAGE } },
    rateLimited: null,
    rateLimitHeaders: none,
    singleUseApps: true,
  },
  // With the plugin Enable Mastodon Apps 1.6, on bshaffer/oauth2-server-php; and the ActivityPub plugin's metadata.
  wordpress: {
    ...mastodon,
    name: 'wordpress',
    version: '6.8.1',
    metadata: false,
    foreignMetadata: true,
    tokenLifetimeSeconds: 2 * 365 * 86_400,
    refusals: {
      invalid: {
        status: 401,
        body: { error: 'invalid_token', error_description: 'The access token provided is invalid' },
      },
    },
    rateLimited: null,
    rateLimitHeaders: none,
    verifyScopes: ['read', 'read:accounts'],
    tokenReply: { refresh_token: '' },
  },
  // Its tokens expire, although its metadata says nothing of refresh tokens.
  'something-new': {
    ...mastodon,
    name: 'something-new',
    version: '0.1.0',
    tokenLifetimeSeconds: 600,
    refreshTokens: true,
    scopesSupported: ['read', 'read:accounts', 'write', 'profile'],
  },
  peertube: { ...mastodon, name: 'peertube', version: '6.3.0', metadata: false, otherApi: true },
  blog: { ...mastodon, name: 'writefreely', version: '0.15.1', metadata: false, otherApi: true },
};
