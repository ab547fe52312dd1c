import { describe, expect, it, jest } from '@jest/globals';
import { deferred, type Deferred } from '../../test/support/barrier.js';
import { Flights } from './flights.js';

const KEY = 'user_platforms:1';

/** Flights that end when the test resolves them. */
class Runway {
  readonly flights: Deferred<string>[] = [];

  readonly fly = (): Promise<string> => {
    const flight = deferred<string>();
    this.flights.push(flight);
    return flight.promise;
  };

  flight(number: number): Deferred<string> {
    const flight = this.flights[number - 1];
    if (flight === undefined) throw new Error(`Flight ${number} has not started.`);
    return flight;
  }
}

interface Landed<T> {
  readonly result: T;
  readonly shared: boolean;
}

async function landed<T>(
  flights: Flights<T>,
  key: string,
  fly: (previous: T | null) => Promise<T>,
): Promise<Landed<T>> {
  const { result, shared } = flights.board(key, fly);
  return { result: await result, shared };
}

/** Resolves when every pending promise reaction has run. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('Flights', () => {
  it('starts at once when nothing is running', () => {
    const runway = new Runway();
    new Flights<string>().board(KEY, runway.fly);
    expect(runway.flights).toHaveLength(1);
  });

  it('gives a flight what the one brought that it waited for', async () => {
    const flights = new Flights<string>();
    const seen: (string | null)[] = [];
    const fly =
      (result: string, error?: Error) =>
      async (previous: string | null): Promise<string> => {
        seen.push(previous);
        await settle();
        if (error !== undefined) throw error;
        return result;
      };
    await Promise.all([landed(flights, KEY, fly('first')), landed(flights, KEY, fly('second'))]);
    await Promise.allSettled([
      landed(flights, KEY, fly('', new Error('lost'))),
      landed(flights, KEY, fly('third')),
    ]);
    expect(seen).toEqual([null, 'first', null, null]);
  });

  it('gives a caller that arrives during a flight the value of the next one, never of the running one', async () => {
    const runway = new Runway();
    const flights = new Flights<string>();
    const early = landed(flights, KEY, runway.fly);
    const late = landed(flights, KEY, runway.fly);
    await settle();
    expect(runway.flights).toHaveLength(1);

    runway.flight(1).resolve('before the write');
    expect(await early).toEqual({ result: 'before the write', shared: false });
    await settle();
    runway.flight(2).resolve('after the write');
    expect(await late).toEqual({ result: 'after the write', shared: false });
  });

  it('costs one next flight however many callers wait for it, and names one of them its owner', async () => {
    const runway = new Runway();
    const flights = new Flights<string>();
    const first = landed(flights, KEY, runway.fly);
    const waiting = Array.from({ length: 50 }, () => landed(flights, KEY, runway.fly));
    runway.flight(1).resolve('old');
    await first;
    await settle();
    runway.flight(2).resolve('new');

    const all = await Promise.all(waiting);
    expect(runway.flights).toHaveLength(2);
    expect(all.every(({ result }) => result === 'new')).toBe(true);
    expect(all.filter(({ shared }) => !shared)).toHaveLength(1);
  });

  it('does not let a caller join the second flight either, once that has started', async () => {
    const runway = new Runway();
    const flights = new Flights<string>();
    const first = landed(flights, KEY, runway.fly);
    const second = landed(flights, KEY, runway.fly);
    runway.flight(1).resolve('1');
    await first;
    await settle();
    const third = landed(flights, KEY, runway.fly);
    runway.flight(2).resolve('2');
    await second;
    await settle();
    runway.flight(3).resolve('3');
    expect((await third).result).toBe('3');
  });

  it("flies in the waiting callers' own plane: the next flight runs what its first caller brought", async () => {
    const flights = new Flights<string>();
    const running = deferred<string>();
    const first = landed(flights, KEY, () => running.promise);
    const second = landed(flights, KEY, () => Promise.resolve('of the second caller'));
    const third = landed(flights, KEY, () => Promise.resolve('of the third caller'));
    running.resolve('of the first caller');
    expect((await first).result).toBe('of the first caller');
    expect((await second).result).toBe('of the second caller');
    expect((await third).result).toBe('of the second caller');
  });

  it('keeps keys apart', async () => {
    const runway = new Runway();
    const flights = new Flights<string>();
    const one = landed(flights, 'user_platforms:1', runway.fly);
    const other = landed(flights, 'user_platforms:2', runway.fly);
    expect(runway.flights).toHaveLength(2);
    runway.flight(2).resolve('of 2');
    expect((await other).result).toBe('of 2');
    runway.flight(1).resolve('of 1');
    expect((await one).result).toBe('of 1');
  });

  it('shows a failure to everybody who shares the flight, and to nobody else', async () => {
    const runway = new Runway();
    const flights = new Flights<string>();
    const first = landed(flights, KEY, runway.fly);
    const sharers = Array.from({ length: 20 }, () => landed(flights, KEY, runway.fly));
    runway.flight(1).resolve('fine');
    expect((await first).result).toBe('fine');
    await settle();
    const afterwards = landed(flights, KEY, runway.fly);
    const settled = Promise.allSettled(sharers);
    const failure = new Error('the database is away');
    runway.flight(2).reject(failure);

    expect(new Set((await settled).map((each) => each.status === 'rejected' && each.reason))).toEqual(
      new Set([failure]),
    );
    await settle();
    runway.flight(3).resolve('fine again');
    expect((await afterwards).result).toBe('fine again');
  });

  it('strands nobody behind a flight that failed: those who wait for the next one get it', async () => {
    const runway = new Runway();
    const flights = new Flights<string>();
    const failing = landed(flights, KEY, runway.fly);
    const waiting = Array.from({ length: 20 }, () => landed(flights, KEY, runway.fly));
    runway.flight(1).reject(new Error('the database is away'));
    await expect(failing).rejects.toThrow('the database is away');
    await settle();
    runway.flight(2).resolve('back');
    expect((await Promise.all(waiting)).map(({ result }) => result)).toEqual(Array(20).fill('back'));
  });

  it('removes the lane after a landing, after a failure and after a chain of flights', async () => {
    const flights = new Flights<string>();
    await landed(flights, KEY, () => Promise.resolve('landed'));
    expect(flights.size).toBe(0);
    await expect(landed(flights, KEY, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect(flights.size).toBe(0);
    const chain = [1, 2, 3].map(() => landed(flights, KEY, () => Promise.resolve('landed')));
    expect(flights.size).toBe(1);
    await Promise.all(chain);
    await settle();
    expect(flights.size).toBe(0);
    const fly = jest.fn(() => Promise.resolve('new lane'));
    expect(await landed(flights, KEY, fly)).toEqual({ result: 'new lane', shared: false });
  });

  it('costs two flights when 10,000 callers come at once', async () => {
    const flights = new Flights<number>();
    let started = 0;
    const fly = async (): Promise<number> => {
      const number = ++started;
      await settle();
      return number;
    };
    const all = await Promise.all(Array.from({ length: 10_000 }, () => landed(flights, KEY, fly)));
    expect(started).toBe(2);
    expect(all.filter(({ result }) => result === 1)).toHaveLength(1);
    expect(all.filter(({ shared }) => shared)).toHaveLength(9_998);
    expect(flights.size).toBe(0);
  });

  it('still keeps one flight of a key at a time when ten thousand other keys have come and gone', async () => {
    const flights = new Flights<string>();
    const runway = new Runway();
    const first = flights.board(KEY, runway.fly);
    for (let n = 0; n < 10_001; n += 1) await flights.board(`other:${n}`, async () => 'done').result;
    const second = flights.board(KEY, runway.fly);
    expect([runway.flights.length, flights.size]).toEqual([1, 1]);
    runway.flight(1).resolve('first');
    expect(await first.result).toBe('first');
    await settle();
    runway.flight(2).resolve('second');
    expect(await second.result).toBe('second');
    await settle();
    expect(flights.size).toBe(0);
  });
});
