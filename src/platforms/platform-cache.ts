import { z } from 'zod';
import type { CacheSpec } from '../cache/cache-spec.js';
import { type SealedCredentials, sealedCredentialsSchema } from '../credentials/sealed-credentials.js';
import { type PlatformView, platformViewSchema } from './platform-view.js';

export interface CachedPlatform {
  readonly view: PlatformView;
  /** The view as JSON: what the API sends. */
  readonly body: string;
  readonly credentials: SealedCredentials;
}

export interface PlatformTtl {
  readonly platformTtlSeconds: number;
}

/** Short: whether credentials can be opened also depends on the keys of this process, and a corrected key should show soon. */
const UNREADABLE_TTL_SECONDS = 60;

/** Short: the id may be the next one that is created. */
const ABSENT_TTL_SECONDS = 30;

/** `user_platforms:<userId>`: a user's active connections. It lives long because every change drops it. */
export function userPlatformsSpec({
  platformTtlSeconds,
}: PlatformTtl): CacheSpec<number, readonly PlatformView[]> {
  const schema = z.array(platformViewSchema);
  return {
    resource: 'user_platforms',
    key: userPlatformsKey,
    ttlSeconds: (platforms) => ttlOf(platforms, platformTtlSeconds),
    encode: (platforms) => JSON.stringify(platforms),
    fingerprint: (platforms) =>
      JSON.stringify(platforms.map(({ id, version, status }) => [id, version, status])),
    decode: (raw, userId) => {
      const platforms = schema.parse(JSON.parse(raw));
      if (!platforms.every((platform) => platform.userId === userId && platform.isActive)) {
        throw new Error('The entry is not the list of this user');
      }
      return platforms;
    },
  };
}

/**
 * `platform:<platformId>`: the view and the sealed credentials, so that a worker's reveal needs no database.
 *
 * @param isIntact checks the seal. An entry whose ciphertexts this process cannot open counts as a miss: somebody altered it,
 * or its key has left the ring and the row may have been re-encrypted since. If the row itself cannot be opened, the entry
 * says `needs_reconnect` and is accepted.
 */
export function platformSpec(
  { platformTtlSeconds }: PlatformTtl,
  isIntact: (view: PlatformView, credentials: SealedCredentials) => boolean,
): CacheSpec<number, CachedPlatform | null> {
  const schema = platformViewSchema.extend({ credentials: sealedCredentialsSchema }).nullable();
  return {
    resource: 'platform',
    key: platformKey,
    ttlSeconds: (platform) =>
      platform === null ? ABSENT_TTL_SECONDS : ttlOf([platform.view], platformTtlSeconds),
    encode: (platform) =>
      platform === null
        ? 'null'
        : `${platform.body.slice(0, -1)},"credentials":${JSON.stringify(platform.credentials)}}`,
    fingerprint: (platform) =>
      platform === null
        ? ''
        : JSON.stringify([platform.view.version, platform.view.status, platform.credentials]),
    decode: (raw, platformId) => {
      const entry = schema.parse(JSON.parse(raw));
      if (entry === null) return null;
      if (entry.id !== platformId) throw new Error('The entry is of another platform');
      const { credentials, ...view } = entry;
      if (!isUnreadable(view) && !isIntact(view, credentials)) {
        throw new Error('The credentials of the entry cannot be opened');
      }
      return { view, body: JSON.stringify(view), credentials };
    },
  };
}

/** The version of a connection in a text of either entry; null if it is not in it. */
export function versionIn(raw: string, platformId: number): number | null {
  // A text that our seal covers, so its shape is not checked again.
  const entry = JSON.parse(raw) as PlatformView | readonly PlatformView[] | null;
  return [entry].flat().find((view) => view?.id === platformId)?.version ?? null;
}

function ttlOf(views: readonly PlatformView[], ttlSeconds: number): number {
  return views.some(isUnreadable) ? Math.min(UNREADABLE_TTL_SECONDS, ttlSeconds) : ttlSeconds;
}

function isUnreadable({ status }: PlatformView): boolean {
  return status === 'needs_reconnect';
}

export function userPlatformsKey(userId: number): string {
  return `user_platforms:${userId}`;
}

export function platformKey(platformId: number): string {
  return `platform:${platformId}`;
}
