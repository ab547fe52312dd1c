/** What a connection can be to. Akkoma is a Pleroma and Hometown a Mastodon in all that matters here. */
export const PLATFORM_TYPES = [
  'mastodon',
  'pixelfed',
  'pleroma',
  'akkoma',
  'gotosocial',
  'friendica',
] as const;
export type PlatformType = (typeof PLATFORM_TYPES)[number];

/** How a kind of server deals with tokens. */
export interface InstanceTraits {
  /** Scopes that suffice to read the own account, least first. */
  readonly scopes: readonly string[];
  /** `harmless`: a challenge may be sent, and is ignored or not known to be checked. */
  readonly pkce: 'S256' | 'harmless';
  readonly refreshTokens: boolean;
  /** Friendica has one token per app and user, and revoking it deletes every user's token of the app. */
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

/** From `software.name` of nodeinfo, in any case; null for what is not supported. */
export function instanceTypeOf(software: string): PlatformType | null {
  const name = software.toLowerCase();
  if (name === 'hometown') return 'mastodon';
  return PLATFORM_TYPES.find((type) => type === name) ?? null;
}

/** @param software, version as nodeinfo says them: Mastodon 4.3 and GoToSocial 0.19 brought narrower scopes. */
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
