/**
 * Counts durations per bucket, and sums them. A prom-client histogram counts the same, but builds a label string and looks
 * it up at each observation: two of them took a tenth of the time of a hot read.
 */
export class Durations {
  /** One count per bucket, not cumulative. The last one is for durations above every bound. */
  readonly counts: number[];
  #count = 0;
  #sumSeconds = 0;

  /** @param bounds upper bounds in seconds, ascending. */
  constructor(readonly bounds: readonly number[]) {
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  get count(): number {
    return this.#count;
  }

  get sumSeconds(): number {
    return this.#sumSeconds;
  }

  observe(seconds: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && seconds > this.bounds[bucket]!) bucket++;
    this.counts[bucket]!++;
    this.#count++;
    this.#sumSeconds += seconds;
  }
}
