/** Has the watcher look for what is due, again and again, and the instances found visited. */
export abstract class WatchRounds {
  abstract start(): void;
  /** Resolves when nothing runs any more. */
  abstract stop(): Promise<void>;
}
