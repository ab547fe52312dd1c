import type { Platform } from '../api/client.js';

type Status = Platform['status'];
export type Tone = 'good' | 'bad' | 'waiting' | 'neutral';

export const TYPE_LABELS: Readonly<Record<Platform['platformType'], string>> = {
  mastodon: 'Mastodon',
  pixelfed: 'Pixelfed',
  pleroma: 'Pleroma',
  akkoma: 'Akkoma',
  gotosocial: 'GoToSocial',
  friendica: 'Friendica',
  mastodon_api: 'Other (Mastodon API)',
  misskey: 'Misskey',
  bluesky: 'Bluesky',
};

/** What a token alone connects; at Bluesky people log in. */
const { bluesky: _, ...PASTED } = TYPE_LABELS;
export const PASTED_LABELS: Readonly<Record<string, string>> = PASTED;

const NEEDS_TOKEN: ReadonlySet<Status> = new Set([
  'needs_reconnect',
  'token_invalid',
  'scope_missing',
  'identity_mismatch',
]);

/** Types that more than one software has. */
const NAMED_BY_SOFTWARE: ReadonlySet<Platform['platformType']> = new Set(['mastodon_api', 'misskey']);

/** What runs at the instance: as it calls itself if its type has no name of its own. */
export function softwareName({ platformType, software }: Platform): string {
  const isNamed = software !== null && software !== platformType && NAMED_BY_SOFTWARE.has(platformType);
  return isNamed ? software : TYPE_LABELS[platformType];
}

/** The same with the version if it is known. */
export function softwareOf(platform: Platform): string {
  const { software, softwareVersion } = platform;
  const name = softwareName(platform);
  return software === null || softwareVersion === null ? name : `${name} ${softwareVersion}`;
}

export const STATUS_LABELS: Readonly<Record<Status, string>> = {
  unchecked: 'Not tested yet',
  connected: 'Connected',
  token_invalid: 'Token not accepted',
  scope_missing: 'Token lacks a scope',
  account_disabled: 'Account disabled',
  account_pending: 'Account not approved yet',
  rate_limited: 'Rate limited',
  instance_unreachable: 'Instance unreachable',
  instance_error: 'Instance error',
  not_an_instance: 'Not a Fediverse instance',
  instance_blocks_programs: 'Instance blocks programs',
  instance_moved: 'Instance has moved',
  instance_gone: 'Instance no longer exists',
  identity_mismatch: 'Token belongs to another account',
  account_moved: 'Account has moved',
  blocked_address: 'Address not allowed',
  needs_reconnect: 'Reconnect required',
};

/** Whether a new token is what helps. */
export function needsReconnect(status: Status): boolean {
  return NEEDS_TOKEN.has(status);
}

export function toneOf(status: Status): Tone {
  switch (status) {
    case 'connected':
      return 'good';
    case 'unchecked':
      return 'neutral';
    case 'rate_limited':
    case 'account_pending':
    case 'instance_unreachable':
    case 'instance_error':
      return 'waiting';
    default:
      return 'bad';
  }
}

/** Of an instance. What was written by SQL may be no URL, and is shown as it is. */
export const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host || url : url);
