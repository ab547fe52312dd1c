import { BLUESKY_SCOPES } from './bluesky/client-document.js';

/**
 * Kinds of servers that connections may have. `mastodon_api` is any other software that speaks the Mastodon API, `misskey`
 * any that speaks Misskey's only, `bluesky` any server of the AT Protocol. Hometown behaves like Mastodon. Software with another API gets a type of its own once it
 * can be connected.
 */
export const PLATFORM_TYPES = [
  'mastodon',
  'pixelfed',
  'pleroma',
  'akkoma',
  'gotosocial',
  'friendica',
  'mastodon_api',
  'misskey',
  'bluesky',
] as const;
export type PlatformType = (typeof PLATFORM_TYPES)[number];

/** What runs at an instance, in its own words: labels for people. */
export interface SoftwareLabels {
  readonly software: string;
  readonly softwareVersion: string | null;
}

/** How a server handles tokens. */
export interface InstanceTraits {
  /** The narrowest scopes that allow reading the account's own profile. */
  readonly scopes: readonly string[];
  /** `harmless`: the server accepts a challenge, but ignores it or is not known to verify it. `none`: MiAuth has none. */
  readonly pkce: 'S256' | 'harmless' | 'none';
  readonly refreshTokens: boolean;
  /** False if revoking one token ends other users' tokens for the app too, or if that is not known. */
  readonly revocable: boolean;
  /** Whether `force_login` makes the server ask which account to use, even if somebody is signed in there. */
  readonly forceLogin: boolean;
  /** False if a registration remembers who used it, so that each attempt needs its own. */
  readonly sharedApp: boolean;
}

/** What a server says of itself in its metadata (RFC 8414). Null where it does not say. */
export interface Offer {
  readonly scopes: readonly string[] | null;
  readonly pkce: 'S256' | null;
  readonly refreshTokens: true | null;
  readonly revocable: true | null;
}

/**
 * What a server cannot be asked for, by the name in its nodeinfo. A row holds what differs from its type, the last ones
 * since a version.
 */
interface Software {
  readonly type: PlatformType;
  readonly traits?: Partial<InstanceTraits>;
  readonly since?: readonly [major: number, minor: number, traits: Partial<InstanceTraits>];
}

const USUAL: InstanceTraits = {
  scopes: ['read'],
  pkce: 'harmless',
  refreshTokens: false,
  revocable: true,
  forceLogin: false,
  sharedApp: true,
};

const OF_TYPE: Readonly<Record<PlatformType, InstanceTraits>> = {
  // docs.joinmastodon.org/methods/oauth: `force_login`.
  mastodon: { ...USUAL, scopes: ['read:accounts'], forceLogin: true },
  // Laravel Passport: tokens of a year, refreshed; verify_credentials asks for `read`.
  pixelfed: { ...USUAL, refreshTokens: true },
  // lib/pleroma/web/o_auth: `expires_in`, refresh tokens, and no PKCE.
  pleroma: { ...USUAL, scopes: ['read:accounts'], refreshTokens: true },
  akkoma: { ...USUAL, scopes: ['read:accounts'], refreshTokens: true },
  gotosocial: { ...USUAL, pkce: 'S256' },
  // src/Module/OAuth/Revoke.php deletes the tokens that all users have for the app.
  friendica: { ...USUAL, revocable: false },
  // Every server with this API knows `read`; not all know the narrower scopes.
  mastodon_api: { ...USUAL, revocable: false },
  // endpoints/i.ts: `read:account`; endpoints/i/revoke-token.ts is for the person's own sessions only.
  misskey: { ...USUAL, scopes: ['read:account'], pkce: 'none', revocable: false },
  // atproto.com/specs/oauth: one client for all servers, tokens of minutes, RFC 7009.
  bluesky: { ...USUAL, scopes: BLUESKY_SCOPES, pkce: 'S256', refreshTokens: true, forceLogin: true },
};

const RFC7009: Partial<InstanceTraits> = { revocable: true };

const SOFTWARE: ReadonlyMap<string, Software> = new Map<string, Software>([
  // docs.joinmastodon.org/methods/oauth and /api/oauth-scopes: `profile` and PKCE since 4.3.
  ['mastodon', { type: 'mastodon', since: [4, 3, { scopes: ['profile'], pkce: 'S256' }] }],
  // A fork of Mastodon 4.2 whose versions are its own.
  ['hometown', { type: 'mastodon' }],
  ['pixelfed', { type: 'pixelfed' }],
  ['pleroma', { type: 'pleroma' }],
  ['akkoma', { type: 'akkoma' }],
  // docs.gotosocial.org: scopes are enforced since 0.19; before, a token may do everything.
  ['gotosocial', { type: 'gotosocial', since: [0, 19, { scopes: ['profile'] }] }],
  ['friendica', { type: 'friendica' }],
  // The source of each: revocation concerns the one token.
  ...['hollo', 'sharkey', 'iceshrimp.net', 'mitra', 'takahe', 'neodb', 'activities.next', 'ktistec'].map(
    (name) => [name, { type: 'mastodon_api', traits: RFC7009 }] as const,
  ),
  // mastoapi.c of 2.75: no scopes, no PKCE; an app remembers who logged in last, and revoking deletes the app.
  ['snac', { type: 'mastodon_api', traits: { sharedApp: false, revocable: true } }],
  // Its OAuth, since 2023.9, is for clients that publish a page about themselves; MiAuth is in every version.
  ['misskey', { type: 'misskey' }],
]);

/** These have logins and APIs of their own, even where a path of the Mastodon API answers. */
const OTHER_APIS: ReadonlySet<string> = new Set(['peertube', 'lemmy']);

/** Narrowest first. */
const SCOPES = ['profile', 'read:accounts', 'read'];

/** Maps nodeinfo's `software.name`, in any case, to a platform type; null if the name alone does not tell. */
export function instanceTypeOf(software: string): PlatformType | null {
  return SOFTWARE.get(software.toLowerCase())?.type ?? null;
}

export function hasOtherApi(software: string): boolean {
  return OTHER_APIS.has(software.toLowerCase());
}

/**
 * What a server says of itself, else what is known of its software, else of its type.
 *
 * @param software `software.name` from nodeinfo.
 * @param version `software.version` from nodeinfo.
 */
export function traitsOf(
  type: PlatformType,
  software: string,
  version: string,
  offer: Offer | null = null,
): InstanceTraits {
  const known = SOFTWARE.get(software.toLowerCase());
  const [major, minor, newer] = known?.since ?? [0, 0, {}];
  const table = { ...OF_TYPE[type], ...known?.traits, ...(isAtLeast(version, major, minor) && newer) };
  return {
    ...table,
    scopes: narrowestOf(offer?.scopes ?? []) ?? table.scopes,
    pkce: offer?.pkce ?? table.pkce,
    refreshTokens: offer?.refreshTokens ?? table.refreshTokens,
    // Metadata says that a token can be revoked, not what else ends with it.
    revocable: known === undefined ? (offer?.revocable ?? table.revocable) : table.revocable,
  };
}

/** Beside `openid`, `profile` is OpenID Connect's, and need not open the Mastodon API. */
function narrowestOf(offered: readonly string[]): readonly string[] | null {
  const isOpenId = offered.includes('openid');
  const scope = SCOPES.find((name) => offered.includes(name) && !(isOpenId && name === 'profile'));
  return scope === undefined ? null : [scope];
}

function isAtLeast(version: string, major: number, minor: number): boolean {
  const found = /^v?(\d{1,6})\.(\d{1,6})/.exec(version);
  if (found === null) return false;
  const [ownMajor, ownMinor] = [Number(found[1]), Number(found[2])];
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
