import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestRedis } from '../../test/support/databases.js';
import { CacheUnavailable } from './cache-errors.js';
import { withDeadline } from './deadline.js';
import { createSingleClient } from './redis/redis-client.js';

/** Long enough for Redis to answer on a machine that is busy with other tests. */
const DEADLINE_MS = 2500;
/** Past the deadline. */
const BLOCKED_MS = 1.2 * DEADLINE_MS;
const never = new Promise<never>(() => undefined);

/** Nothing else runs in this process during that time, as when it serves a burst of requests or collects garbage. */
function blockEventLoop(durationMs: number): void {
  const until = performance.now() + durationMs;
  while (performance.now() < until);
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('withDeadline', () => {
  it('gives up a call that is not answered in time, and says that it was the time', async () => {
    const started = performance.now();
    const failure = await withDeadline(never, 30).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CacheUnavailable);
    expect(failure).toMatchObject({ reason: 'redis-timeout', why: 'Redis did not answer within 30 ms' });
    expect(performance.now() - started).toBeGreaterThanOrEqual(29);
  });

  it('passes on the value, also an absent one', async () => {
    expect(await withDeadline(Promise.resolve('value'), 1000)).toBe('value');
    expect(await withDeadline(Promise.resolve(null), 1000)).toBeNull();
  });

  it('passes on the very error of the call, which is no time-out', async () => {
    const error = new Error('WRONGTYPE');
    await expect(withDeadline(Promise.reject(error), 1000)).rejects.toBe(error);
  });

  it('does not fail a second time when a call that was given up is answered or fails after all', async () => {
    const unhandled: unknown[] = [];
    const listener = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', listener);
    let reject!: (error: Error) => void;
    const call = new Promise<never>((_, onError) => (reject = onError));
    await expect(withDeadline(call, 1)).rejects.toThrow(CacheUnavailable);
    reject(new Error('too late to matter'));
    await nextTurn();
    process.off('unhandledRejection', listener);
    expect(unhandled).toEqual([]);
  });

  it('leaves time for the reply to a command that this process sent late', async () => {
    const replyMs = 30;
    // As the client does: the command leaves at the end of a turn of the event loop.
    const call = new Promise((resolve) => setImmediate(() => setTimeout(resolve, replyMs, 'here')));
    const bounded = withDeadline(call, 400);
    blockEventLoop(450);
    await expect(bounded).resolves.toBe('here');
  });

  describe('in a busy process, against Redis', () => {
    let client: ReturnType<typeof createSingleClient>;
    const lost: unknown[] = [];

    beforeAll(async () => {
      client = createSingleClient((await createTestRedis()).url);
      client.on('error', (error) => lost.push(error));
      await client.connect();
    });
    afterAll(() => client.destroy());
    afterEach(async () => {
      await nextTurn();
      expect(lost).toEqual([]);
    });

    it('takes a reply that came while the event loop was blocked past the deadline', async () => {
      const call = withDeadline(client.echo('here'), DEADLINE_MS);
      await nextTurn(); // the command is on the wire
      blockEventLoop(BLOCKED_MS);
      await expect(call).resolves.toBe('here');
    });

    it('takes the replies of 1,000 commands that way', async () => {
      // More than fit into one write: the rest is sent after the block, and has its full deadline then.
      const calls = Array.from({ length: 1000 }, (_, n) => withDeadline(client.echo(`${n}`), DEADLINE_MS));
      await nextTurn();
      blockEventLoop(BLOCKED_MS);
      await expect(Promise.all(calls)).resolves.toHaveLength(1000);
    });

    it('does not blame Redis for a command that this process had no time to send', async () => {
      const call = withDeadline(client.echo('here'), DEADLINE_MS);
      blockEventLoop(BLOCKED_MS); // the client writes in the next turn of the event loop
      await expect(call).resolves.toBe('here');
    });
  });
});
