import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { waitUntil } from '../../test/support/barrier.js';
import { PeriodicWork } from './periodic-work.js';

const OPTIONS = { intervalMs: 1, logger: 'Test', failed: 'It could not be done', again: 'It is done again.' };
const enough = { timeoutMs: 10_000, what: 'some runs' };

describe('PeriodicWork', () => {
  it('runs again and again, never twice at once, also after a failure', async () => {
    let [runs, running, most] = [0, 0, 0];
    const work = new PeriodicWork(async () => {
      most = Math.max(most, ++running);
      await sleep(5);
      running--;
      if (++runs % 2 === 1) throw new Error('this time');
    }, OPTIONS);
    work.start();
    await waitUntil(() => runs >= 6, enough);
    await work.stop();
    expect([most, running]).toEqual([1, 0]);
    const ended = runs;
    await sleep(20);
    expect(runs).toBe(ended);
  });

  it('stops when the run that is under way has ended, and says so to that run', async () => {
    let begun = false;
    let release = (): void => {};
    const work = new PeriodicWork(() => {
      begun = true;
      return new Promise<void>((resolve) => (release = resolve));
    }, OPTIONS);
    work.start();
    await waitUntil(() => begun, enough);
    expect(work.stopped).toBe(false);
    let hasStopped = false;
    const stopped = work.stop().then(() => (hasStopped = true));
    await sleep(20);
    expect([work.stopped, hasStopped]).toEqual([true, false]);
    release();
    await stopped;
  });
});
