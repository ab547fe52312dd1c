/** A committed change of one platform connection, or of what its statistics show. */
export interface PlatformChange {
  readonly userId: number;
  readonly platformId: number;
  /** As the outbox names it; without one, everything that is cached of the connection is wrong. */
  readonly type?: string;
}

/** Of a change that leaves the connection as it is. */
export const STATS_CHANGED = 'stats.changed';

/** Which cache keys a change makes wrong; each feature says it of its own entries. */
export type KeysOfChange = (change: PlatformChange) => readonly string[];
