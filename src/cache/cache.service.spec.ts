import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Barrier, deferred, waitUntil } from '../../test/support/barrier.js';
import { createTestRedis, type TestRedis } from '../../test/support/databases.js';
import { rawClient } from '../../test/support/raw-client.js';
import { CacheUnavailable, WrongTypeEntry } from './cache-errors.js';
import { MemoryHealth } from './cache-health.js';
import { CacheService } from './cache.service.js';
import type { CacheSpec } from './cache-spec.js';
import { type LeaseStore, leaseKey } from './lease-store.js';
import { MemoryStore } from './memory-store.js';
import { SingleRedis } from './redis-connection.js';
import { RedisLink } from './redis-link.js';
import { RedisStore } from './redis-store.js';
import { SelfAudit } from './self-audit.js';

// Far above what a loaded machine needs, for nothing here is about time-outs.
const DEADLINE_MS = 5000;
const ID = 7;
const KEY = 'platform:7';

interface Entry {
  readonly id: number;
  readonly name: string;
}

const OLD: Entry = { id: ID, name: 'Ünïcödé 🐘 before' };
const NEW: Entry = { id: ID, name: 'Ünïcödé 🐘 after' };

const decode = jest.fn((raw: string, id: number): Entry | null => {
  const entry = JSON.parse(raw) as Entry | null;
  if (entry !== null && entry.id !== id) throw new Error('The entry is of another platform');
  return entry;
});

const spec: CacheSpec<number, Entry | null> = {
  resource: 'platform',
  key: (id) => `platform:${id}`,
  ttlSeconds: (entry) => (entry === null ? 30 : 3600),
  encode: (entry) => JSON.stringify(entry),
  fingerprint: (entry) => JSON.stringify(entry),
  decode,
};

const always = (entry: Entry | null) => jest.fn(() => Promise.resolve(entry));
const failing = (message: string) => jest.fn(() => Promise.reject<Entry>(new Error(message)));

describe('CacheService over Redis', () => {
  let redis: TestRedis;
  const links: RedisLink[] = [];

  /** What one process of the API has. `wrap` puts faults between its service and its store. */
  async function startProcess(wrap: (store: RedisStore, link: RedisLink) => LeaseStore = (store) => store) {
    const link = new RedisLink(new SingleRedis(redis.url, DEADLINE_MS), {
      log: () => undefined,
      warn: () => undefined,
    });
    links.push(link);
    await link.start();
    await waitUntil(() => link.state === 'closed', { timeoutMs: 30_000, what: 'Redis to be in use' });
    const store = wrap(new RedisStore(link.connection, link.breaker, DEADLINE_MS), link);
    return { link, store, service: new CacheService(store, link, new SelfAudit(store)) };
  }

  /** The store with some of its methods replaced. */
  const withFaults =
    (faults: (store: RedisStore, link: RedisLink) => Partial<LeaseStore>) =>
    (store: RedisStore, link: RedisLink): LeaseStore => {
      const replaced: Partial<LeaseStore> = faults(store, link);
      return new Proxy<LeaseStore>(store, {
        get: (target, name: keyof LeaseStore) => replaced[name] ?? target[name].bind(target),
      });
    };

  beforeAll(async () => {
    Logger.overrideLogger(false);
    redis = await createTestRedis();
  });
  afterAll(() => Logger.overrideLogger(['log', 'warn', 'error']));
  beforeEach(async () => {
    await redis.flush();
    decode.mockClear();
  });
  afterEach(async () => {
    await Promise.all(links.splice(0).map((link) => link.stop()));
  });

  describe('what a read brings', () => {
    it('is a miss at first, stored as plain JSON with its TTL, and a hit that loads nothing afterwards', async () => {
      const { link, service } = await startProcess();
      const load = always(OLD);
      expect(await service.read(spec, ID, load)).toEqual({
        resource: 'platform',
        outcome: 'miss',
        detail: null,
        stored: true,
        value: OLD,
        raw: JSON.stringify(OLD),
        durationSeconds: expect.any(Number),
      });
      expect(await rawClient(link).get(KEY)).toBe(JSON.stringify(OLD));
      expect(await rawClient(link).pTTL(KEY)).toBeGreaterThan(3_500_000);
      expect(await rawClient(link).exists(leaseKey(KEY))).toBe(0);

      const hit = await service.read(spec, ID, load);
      expect(hit).toMatchObject({ outcome: 'hit', stored: false, value: OLD, raw: JSON.stringify(OLD) });
      expect(load).toHaveBeenCalledTimes(1);
    });

    it('is absence too: null is cached, with the TTL of null', async () => {
      const { link, service } = await startProcess();
      const load = always(null);
      expect(await service.read(spec, ID, load)).toMatchObject({ outcome: 'miss', value: null, raw: 'null' });
      expect(await service.read(spec, ID, load)).toMatchObject({ outcome: 'hit', value: null, raw: 'null' });
      expect(load).toHaveBeenCalledTimes(1);
      expect(await rawClient(link).pTTL(KEY)).toBeLessThanOrEqual(30_000);
    });

    it('is a hit of what another process has stored', async () => {
      const [one, other] = [await startProcess(), await startProcess()];
      await one.service.read(spec, ID, always(OLD));
      const load = always(NEW);
      expect(await other.service.read(spec, ID, load)).toMatchObject({ outcome: 'hit', value: OLD });
      expect(load).not.toHaveBeenCalled();
    });

    it('is decoded once: identical text gives the identical value, from the store each time', async () => {
      const { link, service } = await startProcess();
      await service.read(spec, ID, always(OLD));
      const first = await service.read(spec, ID, always(NEW));
      const second = await service.read(spec, ID, always(NEW));
      expect(second.value).toBe(first.value);
      expect(decode).toHaveBeenCalledTimes(1);

      await rawClient(link).set(KEY, JSON.stringify(NEW), { expiration: { type: 'EX', value: 60 } });
      const third = await service.read(spec, ID, always(OLD));
      expect(third).toMatchObject({ outcome: 'hit', value: NEW });
      expect(decode).toHaveBeenCalledTimes(2);
    });

    it('is never a text that decode accepted for another id', async () => {
      const { link, service } = await startProcess();
      const raw = JSON.stringify(OLD);
      await rawClient(link).mSet({ 'platform:7': raw, 'platform:8': raw });
      await service.read(spec, 7, always(OLD));
      const foreign = await service.read(spec, 8, always({ id: 8, name: 'own' }));
      expect(foreign).toMatchObject({ outcome: 'corrupt', value: { id: 8, name: 'own' } });
    });

    it('tells how long the caller waited, in seconds', async () => {
      const { service } = await startProcess();
      const { durationSeconds } = await service.read(spec, ID, always(OLD));
      expect(durationSeconds).toBeGreaterThan(0);
      expect(durationSeconds).toBeLessThan(DEADLINE_MS / 1000);
    });
  });

  describe('an entry that is not this entry', () => {
    it.each([
      ['no JSON', '{"id":7,'],
      ['of another id', JSON.stringify({ ...OLD, id: 8 })],
      ['of 10 MB', JSON.stringify({ ...OLD, name: 'x'.repeat(10_000_000) })],
    ])('is removed, loaded anew and told as corrupt when it is %s', async (_, raw) => {
      const { link, service } = await startProcess();
      await rawClient(link).set(KEY, raw);
      const load = always(NEW);
      expect(await service.read(spec, ID, load)).toMatchObject({
        outcome: 'corrupt',
        stored: true,
        value: NEW,
      });
      expect(await rawClient(link).get(KEY)).toBe(JSON.stringify(NEW));
      expect(await service.read(spec, ID, load)).toMatchObject({ outcome: 'hit', value: NEW });
      expect(load).toHaveBeenCalledTimes(1);
      expect(link.state).toBe('closed');
    });

    it('is replaced when it is no string at all', async () => {
      const { link, service } = await startProcess();
      await rawClient(link).rPush(KEY, ['a', 'list']);
      expect(await service.read(spec, ID, always(NEW))).toMatchObject({ outcome: 'corrupt', value: NEW });
      expect(await rawClient(link).get(KEY)).toBe(JSON.stringify(NEW));
      expect(link.state).toBe('closed');
    });

    it('is not served when it appears between the look and the lease', async () => {
      const { service } = await startProcess(
        withFaults((store, link) => ({
          get: async (key) => {
            const raw = await store.get(key);
            await rawClient(link).set(key, 'not JSON');
            return raw;
          },
        })),
      );
      expect(await service.read(spec, ID, always(NEW))).toMatchObject({ value: NEW, stored: false });
    });

    it('is a reason to load, not an error, when it appears as a list between the look and the lease', async () => {
      const { service } = await startProcess(
        withFaults((store, link) => ({
          get: async (key) => {
            const raw = await store.get(key);
            await rawClient(link).rPush(key, 'a list');
            return raw;
          },
        })),
      );
      expect(await service.read(spec, ID, always(NEW))).toMatchObject({ value: NEW, stored: false });
    });
  });

  describe('many callers', () => {
    it('cost one load when 10,000 of them miss the same key in one process', async () => {
      const { service } = await startProcess();
      const load = always(OLD);
      const reads = await Promise.all(Array.from({ length: 10_000 }, () => service.read(spec, ID, load)));
      expect(load).toHaveBeenCalledTimes(1);
      expect(reads.every(({ value }) => value?.name === OLD.name)).toBe(true);
      expect(reads.filter(({ outcome }) => outcome === 'miss')).toHaveLength(1);
      expect(reads.filter(({ outcome }) => outcome === 'hit')).toHaveLength(9_999);
    });

    it('cost one load when they miss the same key in four processes at the same moment', async () => {
      const busy = new Barrier(4);
      const untilAllAsked = withFaults((store) => {
        let first = true;
        return {
          acquire: async (...given) => {
            const acquired = await store.acquire(...given);
            if (first && acquired.state === 'busy') await busy.arrive();
            first = false;
            return acquired;
          },
        };
      });
      const processes = await Promise.all([1, 2, 3, 4].map(() => startProcess(untilAllAsked)));
      const loaded = deferred();
      const load = jest.fn(async () => {
        await loaded.promise;
        return OLD;
      });
      const reads = processes.flatMap(({ service }) =>
        Array.from({ length: 250 }, () => service.read(spec, ID, load)),
      );
      // One loads; the other three have asked for the lease and did not get it.
      await busy.arrive();
      loaded.resolve();
      const landed = await Promise.all(reads);
      expect(load).toHaveBeenCalledTimes(1);
      expect(landed.every(({ value }) => value?.name === OLD.name)).toBe(true);
      expect(landed.filter(({ outcome }) => outcome === 'miss')).toHaveLength(1);
      expect(landed.filter(({ outcome }) => outcome === 'collapsed')).toHaveLength(3);
      expect(landed.filter(({ outcome }) => outcome === 'hit')).toHaveLength(996);
    });

    it('are told apart: one owner of the miss, the others collapsed', async () => {
      // Nothing is ever stored here, so that the second flight loads as well.
      const { service } = await startProcess(withFaults(() => ({ store: async () => false })));
      const landing = deferred();
      const first = service.read(spec, ID, async () => {
        await landing.promise;
        return OLD;
      });
      const load = always(NEW);
      const waiting = Array.from({ length: 10 }, () => service.read(spec, ID, load));
      landing.resolve();
      await first;
      await rawClient(links[0]).del(leaseKey(KEY));
      const landed = await Promise.all(waiting);
      expect(load).toHaveBeenCalledTimes(1);
      expect(landed.filter(({ outcome }) => outcome === 'miss')).toHaveLength(1);
      expect(landed.filter(({ outcome }) => outcome === 'collapsed')).toHaveLength(9);
    });

    it('wait for another process to fill, and take what it stored', async () => {
      const busy = deferred();
      const one = await startProcess();
      const other = await startProcess(
        withFaults((store) => ({
          acquire: async (...given) => {
            const acquired = await store.acquire(...given);
            if (acquired.state === 'busy') busy.resolve();
            return acquired;
          },
        })),
      );
      const loading = deferred();
      const loaded = deferred<Entry>();
      const filling = one.service.read(spec, ID, () => {
        loading.resolve();
        return loaded.promise;
      });
      await loading.promise;
      const load = always(NEW);
      const waiting = other.service.read(spec, ID, load);
      await busy.promise;
      loaded.resolve(OLD);
      expect(await filling).toMatchObject({ outcome: 'miss', stored: true });
      expect(await waiting).toMatchObject({ outcome: 'collapsed', stored: false, value: OLD });
      expect(load).not.toHaveBeenCalled();
    });

    it('ask once more before they load for themselves, when it was this process that was held up', async () => {
      const { store } = await startProcess();
      await store.acquire(KEY, 'another process', 60_000);
      const { service } = await startProcess(
        withFaults((own) => ({
          acquire: async (...given) => {
            const acquired = await own.acquire(...given);
            if (acquired.state === 'busy') {
              await store.store(KEY, 'another process', spec.encode(OLD), 60_000);
              const until = performance.now() + 1100;
              while (performance.now() < until);
            }
            return acquired;
          },
        })),
      );
      const load = always(NEW);
      expect(await service.read(spec, ID, load)).toMatchObject({ outcome: 'collapsed', value: OLD });
      expect(load).not.toHaveBeenCalled();
    });

    it('load for themselves, and store nothing, when another process holds the lease for too long', async () => {
      const { link, store, service } = await startProcess();
      await store.acquire(KEY, 'a process that died', 60_000);
      const load = always(OLD);
      expect(await service.read(spec, ID, load)).toMatchObject({
        outcome: 'bypass',
        detail: 'lease-wait',
        stored: false,
        value: OLD,
      });
      expect(load).toHaveBeenCalledTimes(1);
      expect(await rawClient(link).exists(KEY)).toBe(0);
      expect(await rawClient(link).get(leaseKey(KEY))).toBe('a process that died');
    });
  });

  describe('a write during a read', () => {
    it('leaves nothing old behind: the filler whose lease was dropped stores nothing', async () => {
      const [reader, writer] = [await startProcess(), await startProcess()];
      const beforeCommit = new Barrier(2);
      const afterDrop = new Barrier(2);
      const reading = reader.service.read(spec, ID, async () => {
        const row = OLD; // as the database was before the write
        await beforeCommit.arrive();
        await afterDrop.arrive();
        return row;
      });
      await beforeCommit.arrive();
      await writer.service.drop([KEY]);
      await afterDrop.arrive();

      expect(await reading).toMatchObject({ outcome: 'miss', stored: false, value: OLD });
      expect(await rawClient(reader.link).exists([KEY, leaseKey(KEY)])).toBe(0);
      expect(await writer.service.read(spec, ID, always(NEW))).toMatchObject({ outcome: 'miss', value: NEW });
      expect(await reader.service.read(spec, ID, always(OLD))).toMatchObject({ outcome: 'hit', value: NEW });
    });

    it('does not take away the fill of a reader that came after it', async () => {
      const [early, late] = [await startProcess(), await startProcess()];
      const loading = deferred();
      const oldRow = deferred<Entry>();
      const reading = early.service.read(spec, ID, () => {
        loading.resolve();
        return oldRow.promise;
      });
      await loading.promise;
      await late.service.drop([KEY]);
      await late.service.read(spec, ID, always(NEW));
      oldRow.resolve(OLD);
      expect(await reading).toMatchObject({ stored: false });
      expect(await rawClient(late.link).get(KEY)).toBe(JSON.stringify(NEW));
    });

    it('is seen by a caller of the same process that arrives after it, while the old load still runs', async () => {
      const { service } = await startProcess();
      const loading = deferred();
      const oldRow = deferred<Entry>();
      const early = service.read(spec, ID, () => {
        loading.resolve();
        return oldRow.promise;
      });
      await loading.promise;
      await service.drop([KEY]);
      const late = service.read(spec, ID, always(NEW));
      oldRow.resolve(OLD);
      expect((await early).value).toEqual(OLD);
      expect(await late).toMatchObject({ outcome: 'miss', stored: true, value: NEW });
    });

    it('makes the fill fail closed as well when it is Redis that lost the lease', async () => {
      const { link, service } = await startProcess();
      const read = service.read(spec, ID, async () => {
        await redis.flush();
        return OLD;
      });
      expect(await read).toMatchObject({ outcome: 'miss', stored: false, value: OLD });
      expect(await rawClient(link).exists(KEY)).toBe(0);
    });
  });

  describe('a load that fails', () => {
    it('fails the read with its own error, and leaves neither an entry nor a lease', async () => {
      const { link, service } = await startProcess();
      await expect(service.read(spec, ID, failing('the database is away'))).rejects.toThrow(
        'the database is away',
      );
      expect(await rawClient(link).exists([KEY, leaseKey(KEY)])).toBe(0);
    });

    it('lets the next read load at once, in this process and in another', async () => {
      const [one, other] = [await startProcess(), await startProcess()];
      await expect(one.service.read(spec, ID, failing('away'))).rejects.toThrow('away');
      expect(await one.service.read(spec, ID, always(OLD))).toMatchObject({ outcome: 'miss', stored: true });
      await one.service.drop([KEY]);
      await expect(one.service.read(spec, ID, failing('away'))).rejects.toThrow('away');
      expect(await other.service.read(spec, ID, always(OLD))).toMatchObject({
        outcome: 'miss',
        stored: true,
      });
    });

    it('is seen by all 50 who miss at once, at the cost of two loads', async () => {
      const { service } = await startProcess();
      const load = failing('away');
      const settled = await Promise.allSettled(
        Array.from({ length: 50 }, () => service.read(spec, ID, load)),
      );
      expect(settled.every(({ status }) => status === 'rejected')).toBe(true);
      expect(load).toHaveBeenCalledTimes(2);
    });
  });

  describe('a value that is too large to be stored', () => {
    const large: Entry = { id: ID, name: 'x'.repeat(10_000_000) };

    it('is answered, and not stored', async () => {
      const { link, service } = await startProcess();
      expect(await service.read(spec, ID, always(large))).toMatchObject({ outcome: 'miss', stored: false });
      expect(await rawClient(link).exists(KEY)).toBe(0);
    });

    it('gives its lease back, so that the next read need not wait for it', async () => {
      const { link, service } = await startProcess();
      await service.read(spec, ID, always(large));
      expect(await rawClient(link).exists(leaseKey(KEY))).toBe(0);
      expect(await service.read(spec, ID, always(large))).toMatchObject({ outcome: 'miss', stored: false });
    });
  });

  describe('trouble with the store', () => {
    const reasons = ['redis-timeout', 'redis-unavailable', 'redis-error'] as const;

    it.each(reasons)('on the look (%s) is a reason to load, and nothing is stored', async (reason) => {
      const { link, service } = await startProcess(
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
      expect(await rawClient(link).exists(KEY)).toBe(0);
    });

    it('costs a caller one deadline: who waited for a flight that had to wait for Redis does not ask as well, the next one does', async () => {
      const get = jest.fn(() => Promise.reject(new CacheUnavailable('redis-timeout', 'as told')));
      const { service } = await startProcess(withFaults(() => ({ get })));
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
      const { link, service } = await startProcess(
        withFaults((store) => ({
          acquire: async (...given) => {
            await store.acquire(...given);
            throw new CacheUnavailable('redis-timeout', 'as told');
          },
        })),
      );
      expect(await service.read(spec, ID, always(OLD))).toMatchObject({ outcome: 'error', value: OLD });
      const isGivenBack = async () => (await rawClient(link).exists(leaseKey(KEY))) === 0;
      await waitUntil(isGivenBack, { timeoutMs: 3000, what: 'the lease to be given back' });
    });

    it.each(reasons)('on the lease (%s) is a reason to load', async (reason) => {
      const { service } = await startProcess(
        withFaults(() => ({ acquire: () => Promise.reject(new CacheUnavailable(reason, 'as told')) })),
      );
      expect(await service.read(spec, ID, always(OLD))).toMatchObject({
        outcome: 'error',
        detail: reason,
        value: OLD,
      });
    });

    it.each(reasons)('when storing (%s) leaves the answer as it is', async (reason) => {
      const { service } = await startProcess(
        withFaults(() => ({ store: () => Promise.reject(new CacheUnavailable(reason, 'as told')) })),
      );
      expect(await service.read(spec, ID, always(OLD))).toMatchObject({
        outcome: 'miss',
        stored: false,
        value: OLD,
      });
    });

    it('when storing because the lease became a list leaves the answer as it is', async () => {
      const { link, service } = await startProcess();
      const load = async (): Promise<Entry> => {
        await rawClient(link).del(leaseKey(KEY));
        await rawClient(link).rPush(leaseKey(KEY), 'a list');
        return OLD;
      };
      expect(await service.read(spec, ID, load)).toMatchObject({ stored: false, value: OLD });
    });

    it('when giving the lease back hides nothing: the caller sees the error of its load', async () => {
      const { service } = await startProcess(
        withFaults(() => ({ drop: () => Promise.reject(new CacheUnavailable('redis-timeout', 'as told')) })),
      );
      await expect(service.read(spec, ID, failing('the database is away'))).rejects.toThrow(
        'the database is away',
      );
    });

    it('does not hide a fault of this program', async () => {
      const { service } = await startProcess(
        withFaults(() => ({ get: () => Promise.reject(new TypeError('not a function')) })),
      );
      await expect(service.read(spec, ID, always(OLD))).rejects.toThrow(TypeError);
    });

    it('while the breaker is open means that the store is not even asked', async () => {
      const asked = jest.fn();
      const { link, service } = await startProcess(
        withFaults((store) => ({
          get: (key) => {
            asked();
            return store.get(key);
          },
        })),
      );
      await service.read(spec, ID, always(OLD));
      asked.mockClear();
      link.breaker.trip('the socket closed');
      expect(await service.read(spec, ID, always(NEW))).toMatchObject({
        outcome: 'bypass',
        detail: 'redis-unavailable',
        stored: false,
        value: NEW,
      });
      expect(asked).not.toHaveBeenCalled();
    });

    it('lets no cached value be read before the recovery is complete', async () => {
      const { link, service } = await startProcess();
      await service.read(spec, ID, always(OLD));
      const caughtUp = deferred();
      link.onRecovery(() => caughtUp.promise);
      link.breaker.trip('the socket closed');
      const probe = link.breaker.probe();
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
      const { link, service } = await startProcess();
      await service.read(spec, ID, always(OLD));
      link.behind = true;
      expect(await service.read(spec, ID, always(NEW))).toMatchObject({
        outcome: 'bypass',
        detail: 'recovering',
        value: NEW,
      });
      link.behind = false;
      expect((await service.read(spec, ID, always(NEW))).outcome).toBe('hit');
    });

    it('does not believe a value that was asked for before an outage and came after it began', async () => {
      const { service } = await startProcess(
        withFaults((store, link) => ({
          get: async (key) => {
            const raw = await store.get(key);
            link.breaker.trip('the socket closed');
            return raw;
          },
        })),
      );
      await rawClient(links[0]).set(KEY, JSON.stringify(OLD));
      expect(await service.read(spec, ID, always(NEW))).toMatchObject({
        outcome: 'error',
        detail: 'recovering',
        stored: false,
        value: NEW,
      });
    });

    it("does not believe another process' fill either when an outage came between", async () => {
      const { service } = await startProcess(
        withFaults((_, link) => ({
          acquire: async () => {
            link.breaker.trip('the socket closed');
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

  describe('drop', () => {
    it('removes entries of every kind, for all processes', async () => {
      const [one, other] = [await startProcess(), await startProcess()];
      await one.service.read(spec, 7, always(OLD));
      await one.service.read(spec, 8, always({ id: 8, name: 'eight' }));
      await other.service.drop(['platform:7', 'platform:8', 'platform:absent']);
      expect(await one.service.read(spec, 7, always(NEW))).toMatchObject({ outcome: 'miss', value: NEW });
      expect(await rawClient(one.link).exists('platform:8')).toBe(0);
    });

    it('does not ask a store that does not answer, and says so', async () => {
      const { link, service } = await startProcess();
      await rawClient(link).set(KEY, 'kept');
      link.breaker.trip('the socket closed');
      await expect(service.drop([KEY])).rejects.toMatchObject({ reason: 'redis-unavailable' });
      expect(await rawClient(link).get(KEY)).toBe('kept');
    });

    it('works during a recovery, which is made of drops', async () => {
      const { link, service } = await startProcess();
      await rawClient(link).set(KEY, JSON.stringify(OLD));
      link.onRecovery(() => service.drop([KEY]));
      link.breaker.trip('the socket closed');
      await link.breaker.probe();
      expect(link.state).toBe('closed');
      expect(await rawClient(link).exists(KEY)).toBe(0);
    });

    it('passes on that the store did not confirm', async () => {
      const { service } = await startProcess(
        withFaults(() => ({ drop: () => Promise.reject(new CacheUnavailable('redis-timeout', 'as told')) })),
      );
      await expect(service.drop([KEY])).rejects.toThrow(CacheUnavailable);
    });
  });

  describe('bypass', () => {
    it('neither asks nor fills the store, and says why', async () => {
      const { link, service } = await startProcess();
      await rawClient(link).set(KEY, JSON.stringify(OLD));
      expect(await service.bypass(spec, 'include-inactive', always(NEW))).toMatchObject({
        outcome: 'bypass',
        detail: 'include-inactive',
        stored: false,
        value: NEW,
        raw: JSON.stringify(NEW),
      });
      expect(await rawClient(link).get(KEY)).toBe(JSON.stringify(OLD));
    });

    it('fails with the error of the load', async () => {
      const { service } = await startProcess();
      await expect(service.bypass(spec, 'include-inactive', failing('away'))).rejects.toThrow('away');
    });
  });
});

describe('CacheService in memory', () => {
  it('misses, hits, drops and refuses a late fill as it does over Redis', async () => {
    const store = new MemoryStore();
    const service = new CacheService(store, new MemoryHealth(), new SelfAudit(store));
    const late = deferred<Entry>();
    const loading = deferred();
    const early = service.read(spec, ID, () => {
      loading.resolve();
      return late.promise;
    });
    await loading.promise;
    await service.drop([KEY]);
    late.resolve(OLD);
    expect(await early).toMatchObject({ outcome: 'miss', stored: false });
    expect(await service.read(spec, ID, always(NEW))).toMatchObject({ outcome: 'miss', stored: true });
    expect(await service.read(spec, ID, always(OLD))).toMatchObject({ outcome: 'hit', value: NEW });
  });

  it('loads an entry of the wrong type anew', async () => {
    const store = new MemoryStore();
    jest.spyOn(store, 'get').mockRejectedValueOnce(new WrongTypeEntry());
    const service = new CacheService(store, new MemoryHealth(), new SelfAudit(store));
    expect(await service.read(spec, ID, always(NEW))).toMatchObject({ outcome: 'corrupt', value: NEW });
  });
});
