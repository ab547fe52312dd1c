import { describe, expect, it } from '@jest/globals';
import { SingleRun } from './single-run.js';

/** A task whose runs end when the test says so. */
function heldTask() {
  const runs: (() => void)[] = [];
  const run = new SingleRun(() => new Promise((end) => runs.push(end)));
  return { run, runs };
}

describe('SingleRun', () => {
  it('runs once more, and no oftener, for all requests that came during a run', async () => {
    const { run, runs } = heldTask();
    run.request();
    run.request();
    run.request();
    expect(runs).toHaveLength(1);
    runs[0]!();
    await Promise.resolve();
    await Promise.resolve();
    expect(runs).toHaveLength(2);
    runs[1]!();
    await run.idle();
    expect(runs).toHaveLength(2);
  });

  it('is idle only after the run that was asked for during the last one', async () => {
    const { run, runs } = heldTask();
    run.request();
    run.request();
    let idle = false;
    const waiting = run.idle().then(() => (idle = true));
    runs[0]!();
    await new Promise(setImmediate);
    expect(idle).toBe(false);
    runs[1]!();
    await waiting;
  });
});
