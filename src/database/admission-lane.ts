const RECENT = 16;

export interface Waiter {
  readonly admit: () => void;
  readonly refuse: (error: Error) => void;
  readonly since: number;
}

/** One kind of those who ask for a connection, in the order in which they came. */
export class AdmissionLane {
  running = 0;
  readonly queue: Waiter[] = [];
  // How long the last ones held their places. The wait of a newcomer is estimated from the shortest: while a burst is
  // being received, the event loop keeps everybody waiting, and a mean would refuse the whole burst for it.
  readonly #recentMs: number[] = [];
  #shortestMs = 1;

  /** @param limit how many may run at once. */
  constructor(readonly limit: number) {}

  get waiting(): number {
    return this.queue.length;
  }

  /** Of a newcomer. */
  get estimatedWaitMs(): number {
    return ((this.queue.length + 1) * this.#shortestMs) / this.limit;
  }

  leave(heldMs: number): void {
    this.running--;
    if (this.#recentMs.push(heldMs) > RECENT) this.#recentMs.shift();
    this.#shortestMs = Math.min(...this.#recentMs);
  }

  /** Takes out of the queue who has been in it since `oldest` or longer. */
  expire(oldest: number): Waiter[] {
    const younger = this.queue.findIndex(({ since }) => since > oldest);
    return this.queue.splice(0, younger === -1 ? this.queue.length : younger);
  }
}
