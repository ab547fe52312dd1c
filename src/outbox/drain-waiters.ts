import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 25;

interface Waiter {
  readonly userIds: readonly number[];
  readonly until: number;
  readonly resolve: (drained: boolean) => void;
  readonly reject: (error: unknown) => void;
}

/** Writers that wait for a peer to drop their keys. However many wait, one query at a time asks for all of them. */
export class DrainWaiters {
  #waiters: Waiter[] = [];
  #polling = false;

  constructor(private readonly pendingUsers: (userIds: readonly number[]) => Promise<ReadonlySet<number>>) {}

  /**
   * Resolves with true when no change of these users is pending, or with false after `maxWaitMs`.
   *
   * @throws what the query throws.
   */
  wait(userIds: readonly number[], maxWaitMs: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ userIds, until: performance.now() + maxWaitMs, resolve, reject });
      if (!this.#polling) void this.#poll();
    });
  }

  async #poll(): Promise<void> {
    this.#polling = true;
    while (this.#waiters.length > 0) {
      await sleep(POLL_MS);
      await this.#ask();
    }
    this.#polling = false;
  }

  async #ask(): Promise<void> {
    // Writers that arrive while the query runs wait for the next one: this one may have missed their changes.
    const asked = this.#waiters;
    this.#waiters = [];
    try {
      const pending = await this.pendingUsers([...new Set(asked.flatMap(({ userIds }) => userIds))]);
      const now = performance.now();
      for (const waiter of asked) {
        const drained = !waiter.userIds.some((id) => pending.has(id));
        if (drained || now >= waiter.until) waiter.resolve(drained);
        else this.#waiters.push(waiter);
      }
    } catch (error) {
      for (const waiter of asked) waiter.reject(error);
    }
  }
}
