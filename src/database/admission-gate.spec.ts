import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type Deferred, deferred } from '../../test/support/barrier.js';
import { AdmissionGate, type AdmissionKind, DatabaseBusy } from './admission-gate.js';

const CONNECTIONS = 4;
/** Of one kind. */
const CONCURRENCY = 2;
const MAX_WAIT_MS = 1000;

/** Loads that end when the test says so. */
class Loads {
  readonly started: number[] = [];
  most = 0;
  #running = 0;
  readonly #ends = new Map<number, Deferred<number>>();

  run(gate: AdmissionGate, number: number, kind: AdmissionKind = 'load'): Promise<number> {
    return gate.run(kind, async () => {
      this.started.push(number);
      this.most = Math.max(this.most, ++this.#running);
      const end = deferred<number>();
      this.#ends.set(number, end);
      try {
        return await end.promise;
      } finally {
        this.#running--;
      }
    });
  }

  end(number: number): void {
    this.endOf(number).resolve(number);
  }

  fail(number: number): void {
    this.endOf(number).reject(new Error(`load ${number} failed`));
  }

  private endOf(number: number): Deferred<number> {
    const end = this.#ends.get(number);
    if (end === undefined) throw new Error(`Load ${number} has not started.`);
    return end;
  }
}

describe('AdmissionGate', () => {
  let gate: AdmissionGate;
  let loads: Loads;

  beforeEach(() => {
    jest.useFakeTimers();
    gate = new AdmissionGate({ connections: CONNECTIONS, maxWaitMs: MAX_WAIT_MS });
    loads = new Loads();
  });
  afterEach(() => {
    expect(gate.figures('transaction')).toEqual({ running: 0, waiting: 0 });
    expect(gate.figures('load')).toEqual({ running: 0, waiting: 0 });
    jest.useRealTimers();
  });

  /** Promise reactions that are due; no time passes. */
  async function settle(): Promise<void> {
    await jest.advanceTimersByTimeAsync(0);
  }

  it('passes on the value, and the very error, of a load', async () => {
    expect(await gate.run('load', () => Promise.resolve('rows'))).toBe('rows');
    const error = new Error('syntax error');
    await expect(gate.run('load', () => Promise.reject(error))).rejects.toBe(error);
    await expect(
      gate.run('load', () => {
        throw error;
      }),
    ).rejects.toBe(error);
  });

  it('runs no more than its concurrency at once, and the rest in the order in which they came', async () => {
    const all = [1, 2, 3, 4, 5].map((number) => loads.run(gate, number));
    await settle();
    expect(loads.started).toEqual([1, 2]);
    expect(gate.figures('load')).toEqual({ running: 2, waiting: 3 });
    for (const number of [2, 1, 4, 3, 5]) {
      loads.end(number);
      await settle();
    }
    expect(await Promise.all(all)).toEqual([1, 2, 3, 4, 5]);
    expect(loads.started).toEqual([1, 2, 3, 4, 5]);
    expect(loads.most).toBe(CONCURRENCY);
  });

  it('gives the place to the one who waits, not to one who comes at that moment', async () => {
    const all = [1, 2, 3].map((number) => loads.run(gate, number));
    await settle();
    loads.end(1);
    all.push(loads.run(gate, 4));
    await settle();
    expect(loads.started).toEqual([1, 2, 3]);
    for (const number of [2, 3, 4]) {
      loads.end(number);
      await settle();
    }
    await Promise.all(all);
    expect(loads.most).toBe(CONCURRENCY);
  });

  it('hands the place of a load that failed to the next one', async () => {
    const failing = [1, 2].map((number) => loads.run(gate, number));
    const next = loads.run(gate, 3);
    await settle();
    const failures = Promise.allSettled(failing);
    loads.fail(1);
    await settle();
    expect(loads.started).toEqual([1, 2, 3]);
    loads.fail(2);
    loads.end(3);
    expect((await failures).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await next).toBe(3);
  });

  it('lets a thousand short loads wait their turn', async () => {
    let running = 0;
    let most = 0;
    const timers = jest.getTimerCount();
    const all = Array.from({ length: 1000 }, (_, index) =>
      gate.run('load', async () => {
        most = Math.max(most, ++running);
        await Promise.resolve();
        running--;
        return index;
      }),
    );
    expect(gate.figures('load').waiting).toBeGreaterThan(900);
    expect(jest.getTimerCount() - timers).toBe(1); // the sweeper
    expect(await Promise.all(all)).toHaveLength(1000);
    expect(most).toBe(CONCURRENCY);
    expect(gate.rejected).toBe(0);
  });

  it('refuses a waiter when its time is over, with a 503 that says when to come again', async () => {
    const running = [1, 2].map((number) => loads.run(gate, number));
    const waiting = loads.run(gate, 3).catch((error: unknown) => error);
    await jest.advanceTimersByTimeAsync(MAX_WAIT_MS - 1);
    expect(gate.figures('load').waiting).toBe(1);
    await jest.advanceTimersByTimeAsync(2);
    const refusal = await waiting;
    expect(refusal).toBeInstanceOf(DatabaseBusy);
    expect(refusal).toMatchObject({ code: 'database_busy', status: 503, retryAfterSeconds: 1 });
    expect(gate.rejected).toBe(1);
    loads.end(1);
    loads.end(2);
    await Promise.all(running);
    expect(loads.started).toEqual([1, 2]); // the refused load never ran
  });

  it('refuses each waiter at its own time, those who came later no earlier', async () => {
    const running = [1, 2].map((number) => loads.run(gate, number));
    const refused: number[] = [];
    const wait = (number: number): Promise<unknown> =>
      loads.run(gate, number).catch(() => refused.push(number));
    const waiting = [wait(3)];
    await jest.advanceTimersByTimeAsync(MAX_WAIT_MS / 2);
    waiting.push(wait(4));
    await jest.advanceTimersByTimeAsync(MAX_WAIT_MS / 2 + 1);
    expect(refused).toEqual([3]);
    await jest.advanceTimersByTimeAsync(MAX_WAIT_MS / 2);
    expect(refused).toEqual([3, 4]);
    loads.end(1);
    loads.end(2);
    await Promise.all([...running, ...waiting]);
  });

  it('still serves a waiter that came after one that was refused', async () => {
    const running = [1, 2].map((number) => loads.run(gate, number));
    const refused = loads.run(gate, 3).catch((error: unknown) => error);
    await jest.advanceTimersByTimeAsync(MAX_WAIT_MS / 2);
    const served = loads.run(gate, 4);
    await jest.advanceTimersByTimeAsync(MAX_WAIT_MS / 2 + 1);
    expect(await refused).toBeInstanceOf(DatabaseBusy);
    loads.end(1);
    loads.end(2);
    await settle();
    loads.end(4);
    expect(await served).toBe(4);
    await Promise.all(running);
  });

  describe('after loads that were slow', () => {
    /** Until the average says that a load takes as long as may be waited. */
    async function slowSpell(): Promise<void> {
      for (let round = 0; round < 30; round++) {
        const first = 1000 + round * 2;
        const pair = [first, first + 1].map((number) => loads.run(gate, number));
        await jest.advanceTimersByTimeAsync(MAX_WAIT_MS * 2);
        loads.end(first);
        loads.end(first + 1);
        await Promise.all(pair);
      }
      loads.started.length = 0;
    }

    it('refuses at once what could not come in time, without a wait', async () => {
      await slowSpell();
      const running = [1, 2, 3].map((number) => loads.run(gate, number));
      const before = Date.now();
      await expect(loads.run(gate, 4)).rejects.toBeInstanceOf(DatabaseBusy);
      expect(Date.now()).toBe(before);
      expect(gate.rejected).toBe(1);
      loads.end(1);
      await settle();
      loads.end(2);
      loads.end(3);
      await Promise.all(running);
      expect(loads.started).toEqual([1, 2, 3]);
    });

    it('always lets one wait, and so learns that loads have become short again', async () => {
      await slowSpell();
      for (let round = 0; round < 200; round++) {
        const three = [1, 2, 3].map((number) => loads.run(gate, number));
        await settle();
        loads.end(1);
        loads.end(2);
        await settle();
        loads.end(3);
        await Promise.all(three);
      }
      const all = [1, 2, 3, 4, 5].map((number) => loads.run(gate, number));
      await settle();
      expect(gate.rejected).toBe(0);
      for (const number of [1, 2, 3, 4, 5]) {
        loads.end(number);
        await settle();
      }
      await Promise.all(all);
    });
  });

  describe('with transactions', () => {
    /** Lets all end, in whichever order they run. */
    async function endAll(all: readonly Promise<number>[]): Promise<void> {
      for (let n = 0; n < loads.started.length; n++) {
        loads.end(loads.started[n] as number);
        await settle();
      }
      await Promise.all(all);
    }

    it.each(['load', 'transaction'] as const)(
      'however many wait, a %s leaves places to the other kind',
      async (kind) => {
        const other = kind === 'load' ? 'transaction' : 'load';
        const many = Array.from({ length: 20 }, (_, number) => loads.run(gate, number, kind));
        await settle();
        many.push(loads.run(gate, 100, other));
        await settle();
        expect(loads.started).toEqual([0, 1, 100]);
        await endAll(many);
      },
    );

    it('never runs more of both than the pool has connections, and admits the waiter that came first', async () => {
      const small = new AdmissionGate({ connections: 1, maxWaitMs: MAX_WAIT_MS });
      const kinds = ['load', 'transaction', 'transaction', 'load', 'load', 'transaction'] as const;
      const all = [];
      for (const [number, kind] of kinds.entries()) {
        all.push(loads.run(small, number, kind));
        await jest.advanceTimersByTimeAsync(1);
      }
      expect(loads.started).toEqual([0]);
      await endAll(all);
      expect(loads.started).toEqual([0, 1, 2, 3, 4, 5]);
      expect(loads.most).toBe(1);
    });

    it('refuses each kind at its own time', async () => {
      const running = [1, 2, 3, 4].map((number) =>
        loads.run(gate, number, number % 2 === 0 ? 'load' : 'transaction'),
      );
      const refused: string[] = [];
      const wait = (kind: AdmissionKind): Promise<unknown> =>
        loads.run(gate, 9, kind).catch(() => refused.push(kind));
      const waiting = [wait('transaction')];
      await jest.advanceTimersByTimeAsync(MAX_WAIT_MS / 2);
      waiting.push(wait('load'));
      await jest.advanceTimersByTimeAsync(MAX_WAIT_MS / 2 + 1);
      expect(refused).toEqual(['transaction']);
      await jest.advanceTimersByTimeAsync(MAX_WAIT_MS / 2);
      expect(refused).toEqual(['transaction', 'load']);
      await Promise.all(waiting);
      await endAll(running);
    });
  });

  it('leaks no place, whatever mixture of success, failure and refusal went through', async () => {
    const outcomes = Array.from({ length: 300 }, (_, index) =>
      gate
        .run(
          'load',
          () =>
            new Promise((resolve, reject) =>
              setTimeout(
                () => (index % 3 === 0 ? reject(new Error('failed')) : resolve(index)),
                7 + (index % 20),
              ),
            ),
        )
        .then(
          () => 'done',
          (error: unknown) => (error instanceof DatabaseBusy ? 'refused' : 'failed'),
        ),
    );
    await jest.advanceTimersByTimeAsync(60_000);
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['done', 'failed', 'refused']));
    expect(gate.figures('load').running).toBe(0);
    expect(await gate.run('load', () => Promise.resolve('still open'))).toBe('still open');
  });
});
