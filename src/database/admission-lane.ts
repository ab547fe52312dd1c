const RECENT = 16;

export interface Waiter {
  readonly admit: () => void;
  readonly refuse: (error: Error) => void;
  readonly since: number;
}

/** The waiters of one kind, in order of arrival. */
export class AdmissionLane {
  running = 0;
  readonly queue: Waiter[] = [];
  // How long the last ones held their places. The estimate uses the shortest: while a burst arrives, the event loop delays
  // everything, and a mean would refuse the whole burst because of that.
  readonly #recentMs: number[] = [];
  #shortestMs = 1;

  /** @param limit how many may run at once. */
  constructor(readonly limit: number) {}

  get waiting(): number {
    return this.queue.length;
  }

  /** Estimated wait of a new waiter. */
  get estimatedWaitMs(): number {
    return ((this.queue.length + 1) * this.#shortestMs) / this.limit;
  }

  leave(heldMs: number): void {
    this.running--;
    if (this.#recentMs.push(heldMs) > RECENT) this.#recentMs.shift();
    this.#shortestMs = Math.min(...this.#recentMs);
  }

  /** Removes the waiters that have been in the queue since `oldest` or longer. */
  expire(oldest: number): Waiter[] {
    const younger = this.queue.findIndex(({ since }) => since > oldest);
    return this.queue.splice(0, younger === -1 ? this.queue.length : younger);
  }
}
