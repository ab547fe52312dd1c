import { CacheUnavailable } from './cache-errors.js';

/** A deadline is split into this many parts. A part whose timer fires late, because this process was busy, is not counted. */
const PARTS = 2;
/** At most this many parts stay uncounted, so that a call takes at most four deadlines. */
const MAX_UNCOUNTED = 3 * PARTS;

/**
 * Bounds one Redis call to `deadlineMs`, also when the server hangs and the command has already been sent.
 *
 * A delay of this process must not count as a delay of Redis. When a timer fires late, the event loop was blocked, and
 * the command may have been sent only now or not at all: that part is not counted. Before it gives up, it lets the event
 * loop poll the sockets once more, because the reply may lie there unread.
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
