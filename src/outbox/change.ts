/** A committed change of one platform connection, or of what its statistics show. */
export interface PlatformChange {
  readonly userId: number;
  readonly platformId: number;
  /** The type in the outbox. Without one, every cached entry of the connection is stale. */
  readonly type?: string;
}

/** A committed change of an API key. Never published as an event. */
export interface ApiKeyChange {
  readonly userId: number;
  /** The public part of the key, which its entry is cached under. */
  readonly apiKeyLookup: string;
  readonly type: typeof API_KEY_CHANGED;
}

/** A session that counts no more, or of whose user something has changed. Never published as an event. */
export interface SessionChange {
  readonly userId: number;
  /** What its entry is cached under: its id, or one that stands for the tokens of an OpenID provider. */
  readonly sessionKey: string;
  readonly type: typeof SESSION_ENDED;
}

export type Change = PlatformChange | ApiKeyChange | SessionChange;

/** What one transaction has changed. */
export interface CommittedChanges {
  /** From `pg_current_xact_id()`. */
  readonly transactionId: string;
  readonly changes: readonly Change[];
}

/** The type of a change that leaves the connection itself alone. */
export const STATS_CHANGED = 'stats.changed';
export const API_KEY_CHANGED = 'api_key.changed';
export const SESSION_ENDED = 'session.ended';

export function isPlatformChange(change: Change): change is PlatformChange {
  return 'platformId' in change;
}

export function isApiKeyChange(change: Change): change is ApiKeyChange {
  return 'apiKeyLookup' in change;
}

export function isSessionChange(change: Change): change is SessionChange {
  return 'sessionKey' in change;
}

/** A change whose keys were dropped, as a process hears of it from the outbox. */
export interface HeardChange {
  /** Of the outbox row. */
  readonly id: string;
  readonly change: Change;
  /** Of the connection after the change; null if it is gone, or for another kind of change. */
  readonly version: number | null;
  /** After the COMMIT and before the drop, by the database's clock, in Unix milliseconds. */
  readonly atMs: number;
}

/** A cache entry that shows the version of a connection. */
export interface VersionedEntry {
  readonly key: string;
  /** In a text of this entry; null if it does not show the connection. */
  versionIn(raw: string): number | null;
  /** The text that a read would load now. */
  load(): Promise<string>;
}

export type VersionedEntriesOf = (change: PlatformChange) => readonly VersionedEntry[];

/** The cache keys that a change makes stale. Each feature names its own. */
export type KeysOfChange = (change: Change) => readonly string[];
