import type { Platform } from '../api/client.js';
import { useAvatar } from '../state/use-avatar.js';
import { hostOf } from './labels.js';

/** As many as the style sheet has. */
const TONES = 8;

/**
 * The account's picture; without one, the initials of its connection on a colour that belongs to its handle. Hidden from
 * screen readers: the same stands beside it as text.
 */
export function Avatar({ platform }: { readonly platform: Platform }) {
  const { id, name, hasAvatar, version } = platform;
  const { address, discard, place } = useAvatar(id, hasAvatar, version);
  return (
    <span ref={place} class={`avatar tone-${toneOf(platform)}`} aria-hidden="true">
      {address === null ? initials(name) : <img src={address} alt="" onError={discard} />}
    </span>
  );
}

function toneOf({ username, instanceUrl, name }: Platform): number {
  const handle = `${username ?? name}@${hostOf(instanceUrl)}`;
  let hash = 0;
  for (const letter of handle) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) >>> 0;
  return hash % TONES;
}

function initials(name: string): string {
  const words = name.split(/[\s@.]+/u).filter((word) => word !== '');
  return words
    .slice(0, 2)
    .map((word) => [...word][0]?.toUpperCase() ?? '')
    .join('');
}
