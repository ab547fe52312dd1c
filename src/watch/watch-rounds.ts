/** Repeatedly finds due instances and has the watcher visit them. */
export abstract class WatchRounds {
  abstract start(): void;
  /** Resolves when no visit is running. */
  abstract stop(): Promise<void>;
}
