import { describe, expect, it } from '@jest/globals';
import { deferred } from '../../test/support/barrier.js';
import { Turns } from './turns.js';

describe('turns', () => {
  it('come one after another, in the order in which they were asked for', async () => {
    const turns = new Turns(60_000);
    const ends = [deferred(), deferred(), deferred()];
    const begun: number[] = [];
    const waiting = ends.map(({ promise }, n) => turns.next(promise).then(() => begun.push(n)));
    for (const [n, { resolve }] of ends.entries()) {
      await waiting[n];
      expect(begun).toHaveLength(n + 1);
      resolve();
    }
    expect(begun).toEqual([0, 1, 2]);
  });

  it('do not wait for one that never ends', async () => {
    const turns = new Turns(1);
    await turns.next(deferred().promise);
    await turns.next(deferred().promise);
    await turns.next(Promise.resolve());
  });
});
