/** Supported platforms. Akkoma behaves like Pleroma here, and Hometown like Mastodon. */
export const PLATFORM_TYPES = [
  'mastodon',
  'pixelfed',
  'pleroma',
  'akkoma',
  'gotosocial',
  'friendica',
] as const;
export type PlatformType = (typeof PLATFORM_TYPES)[number];

/** How a kind of server handles tokens. */
export interface InstanceTraits {
  /** The narrowest scopes that allow reading the account's own profile. */
  readonly scopes: readonly string[];
  /** `harmless`: the server accepts a challenge, but ignores it or is not known to verify it. */
  readonly pkce: 'S256' | 'harmless';
  readonly refreshTokens: boolean;
  /** False for Friendica: revoking one token deletes every user's token for the app. */
  readonly revocable: boolean;
}

const PLEROMA: InstanceTraits = {
  scopes: ['read:accounts'],
  pkce: 'harmless',
  refreshTokens: true,
  revocable: true,
};

const TRAITS: Readonly<Record<PlatformType, InstanceTraits>> = {
  mastodon: { scopes: ['read:accounts'], pkce: 'harmless', refreshTokens: false, revocable: true },
  pixelfed: { scopes: ['read'], pkce: 'harmless', refreshTokens: true, revocable: true },
  pleroma: PLEROMA,
  akkoma: PLEROMA,
  gotosocial: { scopes: ['profile'], pkce: 'S256', refreshTokens: false, revocable: true },
  friendica: { scopes: ['read'], pkce: 'harmless', refreshTokens: false, revocable: false },
};

/** Maps nodeinfo's `software.name`, in any case, to a platform type; null if it is not supported. */
export function instanceTypeOf(software: string): PlatformType | null {
  const name = software.toLowerCase();
  if (name === 'hometown') return 'mastodon';
  return PLATFORM_TYPES.find((type) => type === name) ?? null;
}

/**
 * Mastodon 4.3 and GoToSocial 0.19 introduced narrower scopes.
 *
 * @param software `software.name` from nodeinfo.
 * @param version `software.version` from nodeinfo.
 */
export function traitsOf(type: PlatformType, software: string, version: string): InstanceTraits {
  const traits = TRAITS[type];
  if (software.toLowerCase() === 'mastodon' && isAtLeast(version, 4, 3)) {
    return { ...traits, scopes: ['profile'], pkce: 'S256' };
  }
  if (type === 'gotosocial' && !isAtLeast(version, 0, 19)) return { ...traits, scopes: ['read'] };
  return traits;
}

export function isRevocable(type: PlatformType): boolean {
  return TRAITS[type].revocable;
}

function isAtLeast(version: string, major: number, minor: number): boolean {
  const found = /^v?(\d{1,6})\.(\d{1,6})/.exec(version);
  if (found === null) return false;
  const [ownMajor, ownMinor] = [Number(found[1]), Number(found[2])];
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
