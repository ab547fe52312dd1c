/** Runs a task one at a time. When it is asked for during a run, it runs once more afterwards, however often it was asked for. */
export class SingleRun {
  #running: Promise<void> | null = null;
  #again = false;

  /** @param task must not reject: nobody waits for it. */
  constructor(private readonly task: () => Promise<void>) {}

  request(): void {
    if (this.#running !== null) {
      this.#again = true;
      return;
    }
    this.#running = this.task().finally(() => {
      this.#running = null;
      if (!this.#again) return;
      this.#again = false;
      this.request();
    });
  }

  /** Resolves when no run is under way. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }
}
