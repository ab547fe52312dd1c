import { describe, expect, it, jest } from '@jest/globals';
import { Barrier, deferred } from '../../test/support/barrier.js';
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
import { newEntry, valueIn } from '../../test/support/sealed-entries.js';
import { leaseKey } from './lease-store.js';

const processes = new CacheProcesses();

describe('many callers', () => {
  it('cost one load when 10,000 of them miss the same key in one process', async () => {
    const { service } = await processes.start();
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
    const four = await Promise.all([1, 2, 3, 4].map(() => processes.start(untilAllAsked)));
    const loaded = deferred();
    const load = jest.fn(async () => {
      await loaded.promise;
      return OLD;
    });
    const reads = four.flatMap(({ service }) =>
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
    const { health, service } = await processes.start(withFaults(() => ({ store: async () => false })));
    const landing = deferred();
    const first = service.read(spec, ID, async () => {
      await landing.promise;
      return OLD;
    });
    const load = always(NEW);
    const waiting = Array.from({ length: 10 }, () => service.read(spec, ID, load));
    landing.resolve();
    await first;
    await rawClient(health).del(leaseKey(KEY));
    const landed = await Promise.all(waiting);
    expect(load).toHaveBeenCalledTimes(1);
    expect(landed.filter(({ outcome }) => outcome === 'miss')).toHaveLength(1);
    expect(landed.filter(({ outcome }) => outcome === 'collapsed')).toHaveLength(9);
  });

  it('wait for another process to fill, and take what it stored', async () => {
    const busy = deferred();
    const one = await processes.start();
    const other = await processes.start(
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
    const { store } = await processes.start();
    await store.acquire(KEY, 'another process', 60_000);
    const { service } = await processes.start(
      withFaults((own) => ({
        acquire: async (...given) => {
          const acquired = await own.acquire(...given);
          if (acquired.state === 'busy') {
            await store.store(KEY, 'another process', newEntry(spec.encode(OLD), 60_000));
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
    const { health, store, service } = await processes.start();
    await store.acquire(KEY, 'a process that died', 60_000);
    const load = always(OLD);
    expect(await service.read(spec, ID, load)).toMatchObject({
      outcome: 'bypass',
      detail: 'lease-wait',
      stored: false,
      value: OLD,
    });
    expect(load).toHaveBeenCalledTimes(1);
    expect(await rawClient(health).exists(KEY)).toBe(0);
    expect(await rawClient(health).get(leaseKey(KEY))).toBe('a process that died');
  });
});

describe('a write during a read', () => {
  it('leaves nothing old behind: the filler whose lease was dropped stores nothing', async () => {
    const [reader, writer] = [await processes.start(), await processes.start()];
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
    expect(await rawClient(reader.health).exists([KEY, leaseKey(KEY)])).toBe(0);
    expect(await writer.service.read(spec, ID, always(NEW))).toMatchObject({ outcome: 'miss', value: NEW });
    expect(await reader.service.read(spec, ID, always(OLD))).toMatchObject({ outcome: 'hit', value: NEW });
  });

  it('does not take away the fill of a reader that came after it', async () => {
    const [early, late] = [await processes.start(), await processes.start()];
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
    expect(valueIn(await rawClient(late.health).get(KEY))).toBe(JSON.stringify(NEW));
  });

  it('is seen by a caller of the same process that arrives after it, while the old load still runs', async () => {
    const { service } = await processes.start();
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
    const { health, service } = await processes.start();
    const read = service.read(spec, ID, async () => {
      await processes.redis.flush();
      return OLD;
    });
    expect(await read).toMatchObject({ outcome: 'miss', stored: false, value: OLD });
    expect(await rawClient(health).exists(KEY)).toBe(0);
  });
});

describe('a load that fails', () => {
  it('fails the read with its own error, and leaves neither an entry nor a lease', async () => {
    const { health, service } = await processes.start();
    await expect(service.read(spec, ID, failing('the database is away'))).rejects.toThrow(
      'the database is away',
    );
    expect(await rawClient(health).exists([KEY, leaseKey(KEY)])).toBe(0);
  });

  it('lets the next read load at once, in this process and in another', async () => {
    const [one, other] = [await processes.start(), await processes.start()];
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
    const { service } = await processes.start();
    const load = failing('away');
    const settled = await Promise.allSettled(Array.from({ length: 50 }, () => service.read(spec, ID, load)));
    expect(settled.every(({ status }) => status === 'rejected')).toBe(true);
    expect(load).toHaveBeenCalledTimes(2);
  });
});
