/** A committed change of one platform connection, or of what its statistics count. */
export interface PlatformChange {
  readonly userId: number;
  readonly platformId: number;
}

/** Which cache keys a change makes wrong; each feature says it of its own entries. */
export type KeysOfChange = (change: PlatformChange) => readonly string[];
