import type { CacheRead } from '../cache/cache-read.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { permitsPlatform } from '../http/auth/platform-reach.js';
import type { PlatformView } from './platform-view.js';

type PlatformList = CacheRead<readonly PlatformView[]>;

/**
 * A list as the caller may see it. Without a limit it is the reading itself, whose text is sent as it is stored; a limited
 * key gets a text, and so an entity tag, of its own. How the list was read stays the same, and so does what is cached.
 */
export function permittedPlatforms(reading: Promise<PlatformList>, user: AuthUser): Promise<PlatformList> {
  if (user.policy === undefined || !user.policy.limitsPlatforms) return reading;
  return reading.then((read) => {
    const value = read.value.filter(({ id }) => permitsPlatform(user, id));
    return { ...read, value, raw: JSON.stringify(value) };
  });
}
