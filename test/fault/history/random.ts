/** A seeded generator (mulberry32), so that a run can be repeated from its printed seed. */
export class Random {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 ≤ x < 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number, min ≤ n ≤ max. */
  between(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.next() * items.length)];
    if (item === undefined) throw new Error('Nothing to pick from.');
    return item;
  }

  /** Picks without end: each item once in random order, then each once again. */
  *rounds<T>(items: readonly T[]): Generator<T, never> {
    let left: T[] = [];
    for (;;) {
      if (left.length === 0) left = [...items];
      const item = this.pick(left);
      left.splice(left.indexOf(item), 1);
      yield item;
    }
  }
}
