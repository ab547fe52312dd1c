import { CacheUnavailable } from './cache-errors.js';

/** A deadline is counted in as many parts. One that this process was too busy to see the end of does not count. */
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
    const arm = (): void => {
      const due = performance.now() + partMs;
      timer = setTimeout(() => {
        const blocked = performance.now() - due > partMs / 2;
        if (blocked && uncounted < MAX_UNCOUNTED) uncounted++;
        else counted++;
        if (counted < PARTS) arm();
        else setImmediate(giveUp);
      }, partMs);
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
