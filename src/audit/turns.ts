/**
 * Lets work of this process go one after another. A turn that takes too long is not waited for, so nothing may depend on being
 * alone.
 */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  constructor(private readonly maxWaitMs: number) {}

  /**
   * Resolves when those before have ended, or when it has waited for too long.
   *
   * @param ended resolves when this turn has ended. Must not reject.
   */
  next(ended: Promise<unknown>): Promise<void> {
    const before = this.#last;
    this.#last = ended;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.maxWaitMs);
      void before.then(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
