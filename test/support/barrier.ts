import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: Error): void;
}

/** A promise that the test settles, to hold code under test at an exact point. */
export function deferred<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (reason: Error) => void;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}

/** Holds the first callers of `arrive` until `parties` of them are there, then lets all go at once. */
export class Barrier {
  private arrived = 0;
  private readonly open = deferred();

  constructor(private readonly parties: number) {}

  /** Rejects when the others are not there within `timeoutMs`. Late callers beyond `parties` pass at once. */
  async arrive(timeoutMs = 10_000): Promise<void> {
    this.arrived += 1;
    if (this.arrived >= this.parties) this.open.resolve();
    const late = (): Error => new Error(`${this.arrived} of ${this.parties} arrived within ${timeoutMs} ms`);
    await within(this.open.promise, timeoutMs, late);
  }
}

export interface WaitOptions {
  readonly timeoutMs: number;
  /** Ends the sentence "Waited 500 ms in vain for …". */
  readonly what: string;
  readonly intervalMs?: number;
}

/**
 * Polls until the predicate returns something truthy, and returns that. An error of the predicate ends the wait at
 * once: "not yet" is a falsy value. A predicate that hangs is given up at the deadline too.
 */
export async function waitUntil<T>(
  predicate: () => T | Promise<T>,
  options: WaitOptions,
): Promise<NonNullable<T>> {
  const { timeoutMs, what, intervalMs = 10 } = options;
  const inVain = (): Error => new Error(`Waited ${timeoutMs} ms in vain for ${what}`);
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const remainingMs = deadline - performance.now();
    if (remainingMs <= 0) throw inVain();
    const value = await within(Promise.resolve(predicate()), remainingMs, inVain);
    if (value) return value;
    await sleep(Math.min(intervalMs, Math.max(1, deadline - performance.now())));
  }
}

/** The promise's outcome, or the error when it takes longer than `timeoutMs`. */
export async function within<T>(promise: Promise<T>, timeoutMs: number, error: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(error()), timeoutMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** What a promise does within a short while: what a hang looks like from outside. */
export async function outcome(promise: Promise<unknown>, timeoutMs = 300): Promise<string> {
  const settled = promise.then(
    () => 'answered',
    () => 'failed',
  );
  return within(settled, timeoutMs, () => new Error('hung')).catch(() => 'hung');
}

/** Resolves when the connection has ended, however: one that is closed with something unread is reset. */
export async function ended(socket: Socket): Promise<void> {
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
}
