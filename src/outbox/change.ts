/** A committed change of one platform connection, or of what its statistics show. */
export interface PlatformChange {
  readonly userId: number;
  readonly platformId: number;
  /** As the outbox names it; without one, everything that is cached of the connection is wrong. */
  readonly type?: string;
}

/** A committed change of an API key. Never published as an event. */
export interface ApiKeyChange {
  readonly userId: number;
  /** The public part of the key, which its entry is cached under. */
  readonly apiKeyLookup: string;
  readonly type: typeof API_KEY_CHANGED;
}

export type Change = PlatformChange | ApiKeyChange;

/** Of a change that leaves the connection as it is. */
export const STATS_CHANGED = 'stats.changed';
export const API_KEY_CHANGED = 'api_key.changed';

export function isApiKeyChange(change: Change): change is ApiKeyChange {
  return 'apiKeyLookup' in change;
}

/** Which cache keys a change makes wrong; each feature says it of its own entries. */
export type KeysOfChange = (change: Change) => readonly string[];
