import { type State, activeOf, defaultOf, partFor } from './state.js';

interface PendingRead {
  readonly shows: (state: State) => string;
  readonly result: string;
  readonly oldest: number;
  readonly newest: number;
  readonly describe: string;
}

/**
 * What one user's connections were after each write, and whether what was read fits.
 *
 * Writes of one user run one after the other. A read may show any state from that of the last write that had been
 * acknowledged when the read began, up to that of the last write that had begun when the read ended.
 */
export class UserHistory {
  readonly #states: State[];
  #acknowledged = 0;
  #begun = 0;
  #pending: PendingRead[] = [];
  readonly violations: string[] = [];

  constructor(
    readonly userId: number,
    initial: State,
  ) {
    this.#states = [initial];
  }

  get latest(): State {
    return this.#states.at(-1) ?? '';
  }

  writeBegins(): void {
    this.#begun++;
  }

  /** @param acknowledged false after an answer, or none, that leaves open whether the write took place. */
  writeEnded(state: State, acknowledged: boolean): void {
    this.#states.push(state);
    if (acknowledged) this.#acknowledged = this.#states.length - 1;
    const ready = this.#pending.filter((read) => read.newest < this.#states.length);
    this.#pending = this.#pending.filter((read) => read.newest >= this.#states.length);
    for (const read of ready) this.#check(read);
  }

  /** To be called when a read of the list begins; the function it gives takes what was read. */
  listBegins(describe: string): (result: State) => void {
    return this.#begin(describe, activeOf);
  }

  /** The same for the default; empty is that there is none. */
  defaultBegins(describe: string): (result: State) => void {
    return this.#begin(describe, defaultOf);
  }

  /** The same for one connection; empty is that it was not there. */
  oneBegins(describe: string, id: number): (result: State) => void {
    return this.#begin(describe, (state) => partFor(state, id));
  }

  #begin(describe: string, shows: (state: State) => string): (result: string) => void {
    const oldest = this.#acknowledged;
    return (result) => {
      const read = { result, shows, oldest, newest: this.#begun, describe };
      if (read.newest < this.#states.length) this.#check(read);
      else this.#pending.push(read);
    };
  }

  /** Reads that still wait for a write to end: none, once all have. */
  get unchecked(): number {
    return this.#pending.length;
  }

  #check({ result, shows, oldest, newest, describe }: PendingRead): void {
    const fits = (state: State): boolean => shows(state) === result;
    const allowed = this.#states.slice(oldest, newest + 1);
    if (allowed.some(fits)) return;
    const age = this.#states.findLastIndex(fits);
    this.violations.push(
      `user ${this.userId}: ${describe} showed ${result || '(nothing)'}, ` +
        `${age < 0 ? 'which never was' : `state ${age}`}; allowed are states ${oldest} to ${newest}: ${allowed.join(' | ')}`,
    );
  }
}
