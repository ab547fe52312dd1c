/** Places that all processes share, such as for requests at the same time. The cache provides null instead when there is no Redis. */
export abstract class SlotStore {
  /**
   * Takes one of `max` places, or keeps the one that the member has. A place is free again after `leaseMs` at the latest, so
   * that those of a process that died come back.
   *
   * @returns null when the store cannot be asked. Takes no longer than a cache command may.
   */
  abstract enter(key: string, member: string, max: number, leaseMs: number): Promise<boolean | null>;

  /** Never throws: a place that could not be given back is free after its lease. */
  abstract leave(key: string, member: string): Promise<void>;
}
