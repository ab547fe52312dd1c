import { describe, expect, it, jest } from '@jest/globals';
import { deferred } from '../../test/support/barrier.js';
import {
  CacheProcesses,
  DEADLINE_MS,
  ID,
  KEY,
  OLD,
  NEW,
  type Entry,
  decode,
  spec,
  always,
  failing,
  withFaults,
} from '../../test/support/cache-processes.js';
import { rawClient } from '../../test/support/raw-client.js';
import { sealedText, valueIn } from '../../test/support/sealed-entries.js';
import { CacheUnavailable, CorruptEntry } from './cache-errors.js';
import { MemoryHealth } from './cache-health.js';
import { CacheService } from './cache.service.js';
import { leaseKey } from './lease-store.js';
import { MemoryStore } from './memory-store.js';
import { SelfAudit } from './self-audit.js';

describe('CacheService over Redis', () => {
  const processes = new CacheProcesses();

  describe('what a read brings', () => {
    it('is a miss at first, stored as plain JSON with its TTL, and a hit that loads nothing afterwards', async () => {
      const { health, service } = await processes.start();
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
      expect(valueIn(await rawClient(health).get(KEY))).toBe(JSON.stringify(OLD));
      expect(await rawClient(health).pTTL(KEY)).toBeGreaterThan(3_500_000);
      expect(await rawClient(health).exists(leaseKey(KEY))).toBe(0);

      const hit = await service.read(spec, ID, load);
      expect(hit).toMatchObject({ outcome: 'hit', stored: false, value: OLD, raw: JSON.stringify(OLD) });
      expect(load).toHaveBeenCalledTimes(1);
    });

    it('is absence too: null is cached, with the TTL of null', async () => {
      const { health, service } = await processes.start();
      const load = always(null);
      expect(await service.read(spec, ID, load)).toMatchObject({ outcome: 'miss', value: null, raw: 'null' });
      expect(await service.read(spec, ID, load)).toMatchObject({ outcome: 'hit', value: null, raw: 'null' });
      expect(load).toHaveBeenCalledTimes(1);
      expect(await rawClient(health).pTTL(KEY)).toBeLessThanOrEqual(30_000);
    });

    it('is a hit of what another process has stored', async () => {
      const [one, other] = [await processes.start(), await processes.start()];
      await one.service.read(spec, ID, always(OLD));
      const load = always(NEW);
      expect(await other.service.read(spec, ID, load)).toMatchObject({ outcome: 'hit', value: OLD });
      expect(load).not.toHaveBeenCalled();
    });

    it('is decoded once: identical text gives the identical value, from the store each time', async () => {
      const { health, service } = await processes.start();
      await service.read(spec, ID, always(OLD));
      const first = await service.read(spec, ID, always(NEW));
      const second = await service.read(spec, ID, always(NEW));
      expect(second.value).toBe(first.value);
      expect(decode).toHaveBeenCalledTimes(1);

      await rawClient(health).set(KEY, sealedText(KEY, JSON.stringify(NEW)), {
        expiration: { type: 'EX', value: 60 },
      });
      const third = await service.read(spec, ID, always(OLD));
      expect(third).toMatchObject({ outcome: 'hit', value: NEW });
      expect(decode).toHaveBeenCalledTimes(2);
    });

    it('is never a text that decode accepted for another id', async () => {
      const { health, service } = await processes.start();
      const raw = JSON.stringify(OLD);
      await rawClient(health).mSet({
        'platform:7': sealedText('platform:7', raw),
        'platform:8': sealedText('platform:8', raw),
      });
      await service.read(spec, 7, always(OLD));
      const foreign = await service.read(spec, 8, always({ id: 8, name: 'own' }));
      expect(foreign).toMatchObject({ outcome: 'corrupt', value: { id: 8, name: 'own' } });
    });

    it('tells how long the caller waited, in seconds', async () => {
      const { service } = await processes.start();
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
      ['right but not sealed', JSON.stringify(OLD)],
      ['sealed, but of another id', sealedText(KEY, JSON.stringify({ ...OLD, id: 8 }))],
      ['sealed, but for another key', sealedText('platform:8', JSON.stringify(OLD))],
    ])('is removed, loaded again and reported as corrupt when it is %s', async (_, raw) => {
      const { health, service } = await processes.start();
      await rawClient(health).set(KEY, raw);
      const load = always(NEW);
      expect(await service.read(spec, ID, load)).toMatchObject({
        outcome: 'corrupt',
        stored: true,
        value: NEW,
      });
      expect(valueIn(await rawClient(health).get(KEY))).toBe(JSON.stringify(NEW));
      expect(await service.read(spec, ID, load)).toMatchObject({ outcome: 'hit', value: NEW });
      expect(load).toHaveBeenCalledTimes(1);
      expect(health.state).toBe('closed');
    });

    it('is replaced when it is no string at all', async () => {
      const { health, service } = await processes.start();
      await rawClient(health).rPush(KEY, ['a', 'list']);
      expect(await service.read(spec, ID, always(NEW))).toMatchObject({ outcome: 'corrupt', value: NEW });
      expect(valueIn(await rawClient(health).get(KEY))).toBe(JSON.stringify(NEW));
      expect(health.state).toBe('closed');
    });

    it('is replaced when it appears between the look and the lease', async () => {
      const { service } = await processes.start(
        withFaults((store, health) => ({
          get: async (key) => {
            const raw = await store.get(key);
            await rawClient(health).set(key, 'not JSON');
            return raw;
          },
        })),
      );
      expect(await service.read(spec, ID, always(NEW))).toMatchObject({
        outcome: 'corrupt',
        value: NEW,
        stored: true,
      });
    });

    it('is replaced too when it appears as a list between the look and the lease', async () => {
      const { service } = await processes.start(
        withFaults((store, health) => ({
          get: async (key) => {
            const raw = await store.get(key);
            await rawClient(health).rPush(key, 'a list');
            return raw;
          },
        })),
      );
      expect(await service.read(spec, ID, always(NEW))).toMatchObject({
        outcome: 'corrupt',
        value: NEW,
        stored: true,
      });
    });
  });

  describe('a value that is too large to be stored', () => {
    const large: Entry = { id: ID, name: 'x'.repeat(10_000_000) };

    it('is answered, and not stored', async () => {
      const { health, service } = await processes.start();
      expect(await service.read(spec, ID, always(large))).toMatchObject({ outcome: 'miss', stored: false });
      expect(await rawClient(health).exists(KEY)).toBe(0);
    });

    it('gives its lease back, so that the next read need not wait for it', async () => {
      const { health, service } = await processes.start();
      await service.read(spec, ID, always(large));
      expect(await rawClient(health).exists(leaseKey(KEY))).toBe(0);
      expect(await service.read(spec, ID, always(large))).toMatchObject({ outcome: 'miss', stored: false });
    });
  });

  describe('drop', () => {
    it('removes entries of every kind, for all processes', async () => {
      const [one, other] = [await processes.start(), await processes.start()];
      await one.service.read(spec, 7, always(OLD));
      await one.service.read(spec, 8, always({ id: 8, name: 'eight' }));
      await other.service.drop(['platform:7', 'platform:8', 'platform:absent']);
      expect(await one.service.read(spec, 7, always(NEW))).toMatchObject({ outcome: 'miss', value: NEW });
      expect(await rawClient(one.health).exists('platform:8')).toBe(0);
    });

    it('does not ask a store that does not answer, and says so', async () => {
      const { health, service } = await processes.start();
      await rawClient(health).set(KEY, 'kept');
      health.breaker.trip('the socket closed');
      await expect(service.drop([KEY])).rejects.toMatchObject({ reason: 'redis-unavailable' });
      expect(await rawClient(health).get(KEY)).toBe('kept');
    });

    it('works during a recovery, which is made of drops', async () => {
      const { health, service } = await processes.start();
      await rawClient(health).set(KEY, JSON.stringify(OLD));
      health.onRecovery(() => service.drop([KEY]));
      health.breaker.trip('the socket closed');
      await health.breaker.probe();
      expect(health.state).toBe('closed');
      expect(await rawClient(health).exists(KEY)).toBe(0);
    });

    it('passes on that the store did not confirm', async () => {
      const { service } = await processes.start(
        withFaults(() => ({ drop: () => Promise.reject(new CacheUnavailable('redis-timeout', 'as told')) })),
      );
      await expect(service.drop([KEY])).rejects.toThrow(CacheUnavailable);
    });
  });

  describe('bypass', () => {
    it('neither asks nor fills the store, and says why', async () => {
      const { health, service } = await processes.start();
      await rawClient(health).set(KEY, sealedText(KEY, JSON.stringify(OLD)));
      expect(await service.bypass(spec, 'include-inactive', always(NEW))).toMatchObject({
        outcome: 'bypass',
        detail: 'include-inactive',
        stored: false,
        value: NEW,
        raw: JSON.stringify(NEW),
      });
      expect(valueIn(await rawClient(health).get(KEY))).toBe(JSON.stringify(OLD));
    });

    it('fails with the error of the load', async () => {
      const { service } = await processes.start();
      await expect(service.bypass(spec, 'include-inactive', failing('away'))).rejects.toThrow('away');
    });
  });
});

describe('CacheService in memory', () => {
  it('misses, hits, drops and refuses a late fill as it does over Redis', async () => {
    const store = new MemoryStore();
    const service = new CacheService(store, new MemoryHealth(store), new SelfAudit(store));
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

  it('loads an entry of the wrong type again', async () => {
    const store = new MemoryStore();
    jest.spyOn(store, 'get').mockRejectedValueOnce(new CorruptEntry('not a string'));
    const service = new CacheService(store, new MemoryHealth(store), new SelfAudit(store));
    expect(await service.read(spec, ID, always(NEW))).toMatchObject({ outcome: 'corrupt', value: NEW });
  });
});
