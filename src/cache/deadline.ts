import { CacheUnavailable } from './cache-errors.js';

/** How often a call gets another deadline because this process, not Redis, was late. Bounds the whole at four of them. */
const MAX_EXTENSIONS = 3;

/**
 * Bounds one Redis call to `deadlineMs`, also when the server hangs and the command has already been sent.
 *
 * Redis must not be blamed for this process's own delay. When the timer itself fires late, the event loop was blocked
 * and the command may not even have been sent: the call gets another deadline. And before a call is given up, the
 * event loop polls its sockets once more: the reply may lie there unread.
 *
 * @throws {CacheUnavailable} when the deadline passes; whatever `call` throws otherwise.
 */
export function withDeadline<T>(call: Promise<T>, deadlineMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout;
    const arm = (extensions: number): void => {
      const due = performance.now() + deadlineMs;
      timer = setTimeout(() => {
        const blocked = performance.now() - due > deadlineMs / 2;
        if (blocked && extensions > 0) arm(extensions - 1);
        else setImmediate(giveUp);
      }, deadlineMs);
    };
    const giveUp = (): void => {
      reject(new CacheUnavailable('redis-timeout', `Redis did not answer within ${deadlineMs} ms`));
    };
    arm(MAX_EXTENSIONS);
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
