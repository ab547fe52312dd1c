import { CacheUnavailable } from './cache-errors.js';

/** A deadline is counted in as many parts, each of which counts only when this process was there to see it end. */
const PARTS = 2;
/** How many may pass uncounted because this process, not Redis, was late. Bounds the whole at four deadlines. */
const MAX_UNCOUNTED = 3 * PARTS;

/**
 * Bounds one Redis call to `deadlineMs`, also when the server hangs and the command has already been sent.
 *
 * Redis must not be blamed for this process's own delay. When a timer fires late, the event loop was blocked, and the
 * command may not even have been sent, or just now: that part of the time is not counted. And before a call is given up,
 * the event loop polls its sockets once more: the reply may lie there unread.
 *
 * @throws {CacheUnavailable} when the deadline passes; whatever `call` throws otherwise.
 */
export function withDeadline<T>(call: Promise<T>, deadlineMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout;
    const partMs = deadlineMs / PARTS;
    let [counted, uncounted] = [0, 0];
    let due = performance.now() + partMs;
    const arm = (): void => {
      timer = setTimeout(() => {
        const now = performance.now();
        if (now - due > partMs / 2 && uncounted < MAX_UNCOUNTED) {
          uncounted++;
          due = now + partMs;
        } else {
          counted++;
          due += partMs;
        }
        if (counted < PARTS) arm();
        else setImmediate(giveUp);
      }, due - performance.now());
    };
    const giveUp = (): void => {
      reject(new CacheUnavailable('redis-timeout', `Redis did not answer within ${deadlineMs} ms`));
    };
    arm();
    call.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
  });
}
