import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { deferred } from '../../test/support/barrier.js';
import { Breaker, type BreakerState } from './breaker.js';
import { CacheUnavailable, CorruptEntry } from './cache-errors.js';

const PROBE_INTERVAL_MS = 200;
const THRESHOLD = 3;

const unreachable = new CacheUnavailable('redis-unavailable', 'ECONNREFUSED');
const timedOut = new CacheUnavailable('redis-timeout', 'no answer within 100 ms');
const errorReply = new CacheUnavailable('redis-error', 'OOM command not allowed');

const fail = (error: Error) => () => Promise.reject(error);
const succeed = () => Promise.resolve('value');

describe('Breaker', () => {
  let recover: jest.Mock<() => Promise<void>>;
  let changes: [BreakerState, string][];
  let breaker: Breaker;

  beforeEach(() => {
    jest.useFakeTimers();
    recover = jest.fn(() => Promise.resolve());
    changes = [];
    breaker = new Breaker({
      failureThreshold: THRESHOLD,
      probeIntervalMs: PROBE_INTERVAL_MS,
      recover,
      onChange: (state, why) => changes.push([state, why]),
    });
  });
  afterEach(async () => {
    await breaker.stop();
    jest.useRealTimers();
  });

  async function closed(): Promise<void> {
    await breaker.probe();
    expect(breaker.state).toBe('closed');
    recover.mockClear();
    changes.length = 0;
  }

  async function failTimes(times: number, error: Error): Promise<void> {
    for (let count = 0; count < times; count++) {
      await expect(breaker.run(fail(error))).rejects.toBe(error);
    }
  }

  it('is open until the server has been heard of', async () => {
    expect(breaker.state).toBe('open');
    await breaker.probe();
    expect(breaker.state).toBe('closed');
    expect(changes).toEqual([
      ['half-open', 'probing'],
      ['closed', 'recovered'],
    ]);
  });

  it('passes values and errors on unchanged', async () => {
    expect(await breaker.run(succeed)).toBe('value');
    await failTimes(1, unreachable);
  });

  it.each([
    ['transport errors', unreachable],
    ['time-outs', timedOut],
  ])('opens at the threshold of consecutive %s, and not before', async (_, error) => {
    await closed();
    await failTimes(THRESHOLD - 1, error);
    expect(breaker.state).toBe('closed');
    await failTimes(1, error);
    expect(breaker.state).toBe('open');
    expect(changes).toEqual([['open', error.why]]);
  });

  it('counts transport errors and time-outs together', async () => {
    await closed();
    await failTimes(1, unreachable);
    await failTimes(1, timedOut);
    await failTimes(1, unreachable);
    expect(breaker.state).toBe('open');
  });

  it.each([
    ['an error reply', errorReply],
    ['an entry of the wrong type', new CorruptEntry('not a string')],
    ['an unreadable value', new SyntaxError('Unexpected token')],
    ['a fault of this program', new TypeError('undefined is not a function')],
  ])('is never opened by %s: the server is there', async (_, error) => {
    await closed();
    await failTimes(THRESHOLD * 3, error);
    expect(breaker.state).toBe('closed');
    expect(breaker.epoch).toBe(0);
  });

  it.each([
    ['a success', succeed],
    ['an error reply', fail(errorReply)],
  ])('counts from zero again after %s', async (_, call) => {
    await closed();
    await failTimes(THRESHOLD - 1, timedOut);
    await breaker.run(call).catch(() => undefined);
    await failTimes(THRESHOLD - 1, timedOut);
    expect(breaker.state).toBe('closed');
  });

  it('opens at once when it is tripped', async () => {
    await closed();
    breaker.trip('the socket closed');
    expect(breaker.state).toBe('open');
    expect(changes).toEqual([['open', 'the socket closed']]);
  });

  it('changes its epoch with every trip, also while it is open already, and never with a recovery', async () => {
    await closed();
    const before = breaker.epoch;
    breaker.trip('one');
    const once = breaker.epoch;
    breaker.trip('two');
    const twice = breaker.epoch;
    expect(new Set([before, once, twice]).size).toBe(3);
    await breaker.probe();
    expect(breaker.state).toBe('closed');
    expect(breaker.epoch).toBe(twice);
  });

  it('probes by itself at its interval, until the server recovers', async () => {
    await closed();
    recover.mockRejectedValueOnce(timedOut).mockRejectedValueOnce(timedOut);
    breaker.trip('gone');
    expect(recover).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(PROBE_INTERVAL_MS);
    expect(recover).toHaveBeenCalledTimes(1);
    expect(breaker.state).toBe('open');
    await jest.advanceTimersByTimeAsync(PROBE_INTERVAL_MS);
    expect(recover).toHaveBeenCalledTimes(2);
    expect(breaker.state).toBe('open');
    await jest.advanceTimersByTimeAsync(PROBE_INTERVAL_MS);
    expect(breaker.state).toBe('closed');
    await jest.advanceTimersByTimeAsync(PROBE_INTERVAL_MS * 10);
    expect(recover).toHaveBeenCalledTimes(3);
  });

  it('never probes because of a request, however many come', async () => {
    await closed();
    breaker.trip('gone');
    for (let count = 0; count < 100; count++) {
      await breaker.run(succeed);
      await breaker.run(fail(timedOut)).catch(() => undefined);
    }
    expect(recover).not.toHaveBeenCalled();
    expect(breaker.state).toBe('open');
  });

  it('is not closed by a request that was answered', async () => {
    await closed();
    breaker.trip('gone');
    await breaker.run(succeed);
    expect(breaker.state).toBe('open');
  });

  it('does not put the probe off when failures go on', async () => {
    await closed();
    breaker.trip('gone');
    await jest.advanceTimersByTimeAsync(PROBE_INTERVAL_MS / 2);
    breaker.trip('still gone');
    await jest.advanceTimersByTimeAsync(PROBE_INTERVAL_MS / 2);
    expect(recover).toHaveBeenCalledTimes(1);
  });

  it('is half-open while it catches up, and closed only when that is done', async () => {
    const caughtUp = deferred();
    recover.mockReturnValueOnce(caughtUp.promise);
    const probe = breaker.probe();
    expect(breaker.state).toBe('half-open');
    caughtUp.resolve();
    await probe;
    expect(breaker.state).toBe('closed');
  });

  it('shares one recovery among all who ask for it', async () => {
    const caughtUp = deferred();
    recover.mockReturnValueOnce(caughtUp.promise);
    const probes = [breaker.probe(), breaker.probe(), breaker.probe()];
    caughtUp.resolve();
    await Promise.all(probes);
    expect(recover).toHaveBeenCalledTimes(1);
  });

  it('does not probe a closed breaker', async () => {
    await closed();
    await breaker.probe();
    expect(recover).not.toHaveBeenCalled();
  });

  it('stays open when it is tripped during the recovery, although that succeeds, and recovers again', async () => {
    const caughtUp = deferred();
    recover.mockReturnValueOnce(caughtUp.promise);
    const probe = breaker.probe();
    breaker.trip('gone again');
    expect(breaker.state).toBe('open');
    caughtUp.resolve();
    await probe;
    expect(breaker.state).toBe('open');
    await jest.advanceTimersByTimeAsync(PROBE_INTERVAL_MS);
    expect(recover).toHaveBeenCalledTimes(2);
    expect(breaker.state).toBe('closed');
  });

  it('does not run two recoveries at the same time when it is tripped during one', async () => {
    let running = 0;
    let most = 0;
    const gates = [deferred(), deferred()];
    recover.mockImplementation(async () => {
      most = Math.max(most, ++running);
      await gates.shift()?.promise;
      running--;
    });
    const [first, second] = gates;
    const probe = breaker.probe();
    breaker.trip('gone again');
    await jest.advanceTimersByTimeAsync(PROBE_INTERVAL_MS * 3);
    expect(recover).toHaveBeenCalledTimes(1);
    first?.resolve();
    await probe;
    second?.resolve();
    await jest.advanceTimersByTimeAsync(PROBE_INTERVAL_MS);
    expect(breaker.state).toBe('closed');
    expect(most).toBe(1);
  });

  it('opens again for the reason why the recovery failed', async () => {
    recover.mockRejectedValueOnce(timedOut).mockRejectedValueOnce(new Error('Redis INFO has no run_id'));
    await breaker.probe();
    await breaker.probe();
    expect(changes.filter(([state]) => state === 'open')).toEqual([
      ['open', timedOut.why],
      ['open', 'Redis INFO has no run_id'],
    ]);
  });

  it('ends probing when it is stopped, after the recovery that is under way, and stays as it is', async () => {
    const caughtUp = deferred();
    recover.mockReturnValueOnce(caughtUp.promise);
    void breaker.probe();
    let stopped = false;
    const stop = breaker.stop().then(() => (stopped = true));
    await jest.advanceTimersByTimeAsync(0);
    expect(stopped).toBe(false);
    caughtUp.resolve();
    await stop;
    breaker.trip('the connection was closed by us');
    await breaker.probe();
    await jest.advanceTimersByTimeAsync(PROBE_INTERVAL_MS * 10);
    expect(recover).toHaveBeenCalledTimes(1);
    expect(breaker.state).not.toBe('closed');
    expect(jest.getTimerCount()).toBe(0);
  });

  it('cancels the next probe when it is stopped', async () => {
    breaker.trip('gone');
    await breaker.stop();
    await jest.advanceTimersByTimeAsync(PROBE_INTERVAL_MS * 10);
    expect(recover).not.toHaveBeenCalled();
    expect(jest.getTimerCount()).toBe(0);
  });
});
