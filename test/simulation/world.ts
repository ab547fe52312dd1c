import { AsyncLocalStorage } from 'node:async_hooks';

/** A process of the deployment, or a server, as far as its time and its end are concerned. */
export class Host {
  alive = true;
  /** Until then nothing runs on it, and everything that became due in between runs afterwards. */
  frozenUntil = 0;
  /** How long it was frozen, in all. */
  frozenMs = 0;
  /** Its clock runs faster or slower by this fraction, except in times that were leapt over. */
  drift = 0;

  constructor(readonly name: string) {}
}

interface Due {
  at: number;
  readonly order: number;
  readonly host: Host;
  readonly run: () => void;
  isCleared: boolean;
}

type Timer = NodeJS.Timeout & { due: Due | null };

const realSetImmediate = globalThis.setImmediate;
/** Lines of a timeline; the last ones matter. */
const MAX_LINES = 20_000;

/**
 * Virtual time for several processes that run in this one. What they take from the platform (`setTimeout`,
 * `performance.now()`, `Math.random()`) comes from here while the world runs, each for the process that asks. Everything
 * random comes from the seed, in streams of their own, so that a run repeats exactly and one that leaves something out
 * stays alike.
 */
export class World {
  now = 0;
  readonly #queue: Due[] = [];
  readonly #streams = new Map<string, () => number>();
  readonly #hosts = new AsyncLocalStorage<Host>();
  readonly #nobody = new Host('world');
  /** By host: what restores its context is cheaper than entering it once more. */
  readonly #enter = new Map<Host, <T>(work: () => T) => T>();
  readonly #lines: string[] = [];
  #order = 0;
  events = 0;
  leaptMs = 0;

  constructor(
    readonly seed: number,
    /** Whether the timeline is kept. */
    private readonly isTold = true,
  ) {}

  get host(): Host {
    return this.#hosts.getStore() ?? this.#nobody;
  }

  /** Runs `work`, and everything that follows from it, as part of `host`. */
  on<T>(host: Host, work: () => T): T {
    let enter = this.#enter.get(host);
    if (enter === undefined) {
      enter = this.#hosts.run(host, () => AsyncLocalStorage.snapshot()) as <R>(work: () => R) => R;
      this.#enter.set(host, enter);
    }
    return enter(work);
  }

  /** From 0 to 1, from the stream of this name. */
  random(stream: string): number {
    let next = this.#streams.get(stream);
    if (next === undefined) this.#streams.set(stream, (next = generator(hash(`${this.seed} ${stream}`))));
    return next();
  }

  /** A whole number of `from` to `to`, both included. */
  between(from: number, to: number, stream: string): number {
    return from + Math.floor(this.random(stream) * (to - from + 1));
  }

  pick<T>(from: readonly T[], stream: string): T {
    const one = from[Math.floor(this.random(stream) * from.length)];
    if (one === undefined) throw new Error(`Nothing to pick for ${stream}`);
    return one;
  }

  after(ms: number, run: () => void, host = this.host): Due {
    const due = { at: this.now + Math.max(0, ms), order: this.#order++, host, run, isCleared: false };
    push(this.#queue, due);
    return due;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(ms, resolve));
  }

  /** Passes time in which nothing happens: what is due stays due as long after now as it was. */
  leap(ms: number): void {
    for (const due of this.#queue) due.at += ms;
    this.now += ms;
    this.leaptMs += ms;
  }

  say(what: string): void {
    if (!this.isTold) return;
    if (this.#lines.length > MAX_LINES) this.#lines.splice(0, MAX_LINES / 2);
    this.#lines.push(`${this.now.toFixed(1).padStart(9)} ms  ${this.host.name.padEnd(6)} ${what}`);
  }

  get timeline(): readonly string[] {
    return this.#lines;
  }

  /** Called after each event. */
  onEvent: (() => void) | null = null;

  /** Runs everything that is due until `until`, in order of time. Between two of them all microtasks run. */
  async run(until: number, isOver: () => boolean): Promise<void> {
    const restore = this.#take();
    try {
      while (!isOver()) {
        const due = this.#queue[0];
        if (due === undefined || due.at > until) break;
        pop(this.#queue);
        this.now = due.at;
        if (!due.host.alive || due.isCleared) continue;
        if (due.host.frozenUntil > this.now) {
          due.at = due.host.frozenUntil;
          push(this.#queue, due);
          continue;
        }
        this.events++;
        this.on(due.host, due.run);
        await new Promise<void>((resolve) => realSetImmediate(resolve));
        this.onEvent?.();
      }
      this.now = Math.max(this.now, until);
    } finally {
      restore();
    }
  }

  #take(): () => void {
    const { setTimeout, clearTimeout, setImmediate } = globalThis;
    const { random } = Math;
    const { now } = performance;
    const later = (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): Timer => {
      const timer = { due: null as Due | null, ref: () => timer, unref: () => timer, hasRef: () => true };
      timer.due = this.after(ms, () => {
        timer.due = null;
        run(...args);
      });
      return timer as unknown as Timer;
    };
    globalThis.setTimeout = later as unknown as typeof setTimeout;
    globalThis.setImmediate = ((run: () => void) => later(run, 0)) as unknown as typeof setImmediate;
    globalThis.clearTimeout = ((timer: Timer | undefined) => {
      if (timer?.due) timer.due.isCleared = true;
    }) as unknown as typeof clearTimeout;
    Math.random = () => this.random(`Math.random of ${this.host.name}`);
    performance.now = () => this.now + (this.now - this.leaptMs) * this.host.drift;
    return () => {
      Object.assign(globalThis, { setTimeout, clearTimeout, setImmediate });
      Math.random = random;
      performance.now = now;
    };
  }
}

/** mulberry32, by Tommy Ettinger (public domain). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const character of text) value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return value;
}

function isBefore(a: Due, b: Due): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function push(heap: Due[], due: Due): void {
  let index = heap.push(due) - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    const above = heap[parent] as Due;
    if (!isBefore(due, above)) break;
    heap[index] = above;
    index = parent;
  }
  heap[index] = due;
}

function pop(heap: Due[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let index = 0;
  for (;;) {
    let child = 2 * index + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1] as Due, heap[child] as Due)) child++;
    if (!isBefore(heap[child] as Due, last)) break;
    heap[index] = heap[child] as Due;
    index = child;
  }
  heap[index] = last;
}
