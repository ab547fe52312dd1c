import { describe, expect, it } from '@jest/globals';
import { Barrier, deferred, outcome, waitUntil } from './barrier.js';

describe('barriers', () => {
  it('lets nobody pass before the last has arrived', async () => {
    const barrier = new Barrier(3);
    const early = [barrier.arrive(), barrier.arrive()];
    expect(await Promise.all(early.map((each) => outcome(each, 30)))).toEqual(['hung', 'hung']);
    await Promise.all([...early, barrier.arrive()]);
  });

  it('says who is missing', async () => {
    const barrier = new Barrier(2);
    await expect(barrier.arrive(20)).rejects.toThrow('1 of 2 arrived within 20 ms');
  });

  it('waits for a condition, says what it waited for, and passes on an error of the condition', async () => {
    const ready = deferred<string>();
    let value: string | undefined = undefined;
    const waiting = waitUntil(() => value, { timeoutMs: 1_000, what: 'a value' });
    value = 'there';
    ready.resolve('done');
    expect(await waiting).toBe('there');
    expect(await ready.promise).toBe('done');
    await expect(waitUntil(() => false, { timeoutMs: 30, what: 'a miracle' })).rejects.toThrow(
      'Waited 30 ms in vain for a miracle',
    );
    const broken = (): boolean => {
      throw new Error('broken');
    };
    await expect(waitUntil(broken, { timeoutMs: 1_000, what: 'nothing' })).rejects.toThrow('broken');
    const never = new Promise<boolean>(() => undefined);
    await expect(waitUntil(() => never, { timeoutMs: 30, what: 'never' })).rejects.toThrow('in vain');
  });
});
