import { describe, expect, it, jest } from '@jest/globals';
import { deferred, waitUntil } from '../../test/support/barrier.js';
import {
  CacheProcesses,
  ID,
  KEY,
  OLD,
  NEW,
  type Entry,
  spec,
  always,
  failing,
  withFaults,
} from '../../test/support/cache-processes.js';
import { rawClient } from '../../test/support/raw-client.js';
import { sealedText } from '../../test/support/sealed-entries.js';
import { CacheUnavailable } from './cache-errors.js';
import { leaseKey } from './lease-store.js';

const processes = new CacheProcesses();

describe('trouble with the store', () => {
  const reasons = ['redis-timeout', 'redis-unavailable', 'redis-error'] as const;

  it.each(reasons)('on the look (%s) is a reason to load, and nothing is stored', async (reason) => {
    const { health, service } = await processes.start(
      withFaults(() => ({ get: () => Promise.reject(new CacheUnavailable(reason, 'as told')) })),
    );
    const load = always(OLD);
    expect(await service.read(spec, ID, load)).toMatchObject({
      outcome: 'error',
      detail: reason,
      stored: false,
      value: OLD,
      raw: JSON.stringify(OLD),
    });
    expect(load).toHaveBeenCalledTimes(1);
    expect(await rawClient(health).exists(KEY)).toBe(0);
  });

  it('costs a caller one deadline: who waited for a flight that had to wait for Redis does not ask as well, the next one does', async () => {
    const get = jest.fn(() => Promise.reject(new CacheUnavailable('redis-timeout', 'as told')));
    const { service } = await processes.start(withFaults(() => ({ get })));
    const loading = deferred();
    const first = service.read(spec, ID, always(OLD));
    const second = service.read(spec, ID, async () => {
      loading.resolve();
      await third;
      return NEW;
    });
    const third = first.then(() => loading.promise);
    const fourth = third.then(() => service.read(spec, ID, always(NEW)));
    const landed = await Promise.all([first, second, fourth]);
    expect(landed.map(({ outcome, detail }) => [outcome, detail])).toEqual([
      ['error', 'redis-timeout'],
      ['bypass', 'redis-timeout'],
      ['error', 'redis-timeout'],
    ]);
    expect(get).toHaveBeenCalledTimes(2);
  });

  it('leaves no lease behind that was granted after the call had been given up', async () => {
    const { health, service } = await processes.start(
      withFaults((store) => ({
        acquire: async (...given) => {
          await store.acquire(...given);
          throw new CacheUnavailable('redis-timeout', 'as told');
        },
      })),
    );
    expect(await service.read(spec, ID, always(OLD))).toMatchObject({ outcome: 'error', value: OLD });
    const isGivenBack = async () => (await rawClient(health).exists(leaseKey(KEY))) === 0;
    await waitUntil(isGivenBack, { timeoutMs: 3000, what: 'the lease to be given back' });
  });

  it.each(reasons)('on the lease (%s) is a reason to load', async (reason) => {
    const { service } = await processes.start(
      withFaults(() => ({ acquire: () => Promise.reject(new CacheUnavailable(reason, 'as told')) })),
    );
    expect(await service.read(spec, ID, always(OLD))).toMatchObject({
      outcome: 'error',
      detail: reason,
      value: OLD,
    });
  });

  it.each(reasons)('when storing (%s) leaves the answer as it is', async (reason) => {
    const { service } = await processes.start(
      withFaults(() => ({ store: () => Promise.reject(new CacheUnavailable(reason, 'as told')) })),
    );
    expect(await service.read(spec, ID, always(OLD))).toMatchObject({
      outcome: 'miss',
      stored: false,
      value: OLD,
    });
  });

  it('when storing because the lease became a list leaves the answer as it is', async () => {
    const { health, service } = await processes.start();
    const load = async (): Promise<Entry> => {
      await rawClient(health).del(leaseKey(KEY));
      await rawClient(health).rPush(leaseKey(KEY), 'a list');
      return OLD;
    };
    expect(await service.read(spec, ID, load)).toMatchObject({ stored: false, value: OLD });
  });

  it('when giving the lease back hides nothing: the caller sees the error of its load', async () => {
    const { service } = await processes.start(
      withFaults(() => ({ drop: () => Promise.reject(new CacheUnavailable('redis-timeout', 'as told')) })),
    );
    await expect(service.read(spec, ID, failing('the database is away'))).rejects.toThrow(
      'the database is away',
    );
  });

  it('does not hide a fault of this program', async () => {
    const { service } = await processes.start(
      withFaults(() => ({ get: () => Promise.reject(new TypeError('not a function')) })),
    );
    await expect(service.read(spec, ID, always(OLD))).rejects.toThrow(TypeError);
  });

  it('while the breaker is open means that the store is not even asked', async () => {
    const asked = jest.fn();
    const { health, service } = await processes.start(
      withFaults((store) => ({
        get: (key) => {
          asked();
          return store.get(key);
        },
      })),
    );
    await service.read(spec, ID, always(OLD));
    asked.mockClear();
    health.breaker.trip('the socket closed');
    expect(await service.read(spec, ID, always(NEW))).toMatchObject({
      outcome: 'bypass',
      detail: 'redis-unavailable',
      stored: false,
      value: NEW,
    });
    expect(asked).not.toHaveBeenCalled();
  });

  it('lets no cached value be read before the recovery is complete', async () => {
    const { health, service } = await processes.start();
    await service.read(spec, ID, always(OLD));
    const caughtUp = deferred();
    health.onRecovery(() => caughtUp.promise);
    health.breaker.trip('the socket closed');
    const probe = health.breaker.probe();
    expect(await service.read(spec, ID, always(NEW))).toMatchObject({
      outcome: 'bypass',
      detail: 'recovering',
      value: NEW,
    });
    caughtUp.resolve();
    await probe;
    expect(await service.read(spec, ID, always(NEW))).toMatchObject({ outcome: 'hit', value: OLD });
  });

  it('lets no cached value be read while invalidations are known to be behind', async () => {
    const { health, service } = await processes.start();
    await service.read(spec, ID, always(OLD));
    health.behind = true;
    expect(await service.read(spec, ID, always(NEW))).toMatchObject({
      outcome: 'bypass',
      detail: 'recovering',
      value: NEW,
    });
    health.behind = false;
    expect((await service.read(spec, ID, always(NEW))).outcome).toBe('hit');
  });

  it('does not believe a value that was asked for before an outage and came after it began', async () => {
    const { health, service } = await processes.start(
      withFaults((store, itsLink) => ({
        get: async (key) => {
          const raw = await store.get(key);
          itsLink.breaker.trip('the socket closed');
          return raw;
        },
      })),
    );
    await rawClient(health).set(KEY, sealedText(KEY, JSON.stringify(OLD)));
    expect(await service.read(spec, ID, always(NEW))).toMatchObject({
      outcome: 'error',
      detail: 'recovering',
      stored: false,
      value: NEW,
    });
  });

  it("does not believe another process' fill either when an outage came between", async () => {
    const { service } = await processes.start(
      withFaults((_, health) => ({
        acquire: async () => {
          health.breaker.trip('the socket closed');
          return { state: 'filled', raw: JSON.stringify(OLD) };
        },
      })),
    );
    expect(await service.read(spec, ID, always(NEW))).toMatchObject({
      outcome: 'error',
      detail: 'recovering',
      value: NEW,
    });
  });
});
