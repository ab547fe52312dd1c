/**
 * How many durations kept to which bound, and their sum. What a histogram of prom-client counts, but that one looks its
 * labels up, by texts that it makes anew, at each observation: two of them took a tenth of the time of a hot read.
 */
export class Durations {
  /** By the first bound that they kept to; the last place is for those beyond all. */
  readonly counts: number[];
  #count = 0;
  #sumSeconds = 0;

  /** @param bounds in seconds, ascending. */
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
    let place = 0;
    while (place < this.bounds.length && seconds > this.bounds[place]!) place++;
    this.counts[place]!++;
    this.#count++;
    this.#sumSeconds += seconds;
  }
}
