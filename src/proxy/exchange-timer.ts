/** A caller that went away needs no answer. */
export class CallerGone extends Error {
  constructor() {
    super('The caller closed the connection.');
  }
}

/** Ends an exchange in which nothing moves any more, or that takes too long altogether. */
export class ExchangeTimer {
  readonly #abort = new AbortController();
  readonly #idle: NodeJS.Timeout;
  readonly #total: NodeJS.Timeout;
  readonly #idleMs: number;

  /** @param late whose fault it is, at the time. */
  constructor({ idleMs, totalMs }: { idleMs: number; totalMs: number }, late: () => Error) {
    this.#idleMs = idleMs;
    this.#idle = setTimeout(() => this.end(late()), idleMs);
    this.#total = setTimeout(() => this.end(late()), totalMs);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Something has moved. */
  touch(): void {
    this.#idle.refresh();
  }

  /** For work of our own, which has its own deadlines. */
  async during<T>(work: Promise<T>): Promise<T> {
    const touching = setInterval(() => this.touch(), this.#idleMs / 2);
    try {
      return await work;
    } finally {
      clearInterval(touching);
      this.touch();
    }
  }

  end(reason: Error): void {
    this.#abort.abort(reason);
  }

  stop(): void {
    clearTimeout(this.#idle);
    clearTimeout(this.#total);
  }
}
