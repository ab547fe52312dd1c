import { describe, expect, it, jest } from '@jest/globals';
import { CacheProcesses, NEW, OLD, always, spec } from '../../test/support/cache-processes.js';
import { rawClient } from '../../test/support/raw-client.js';

describe('CacheService.warm over Redis', () => {
  const processes = new CacheProcesses();
  const KEYS = ['platform:7', 'platform:8', 'platform:9'];
  const entries = KEYS.map((key, at) => ({
    key,
    raw: JSON.stringify({ id: 7 + at, name: 'warm' }),
    ttlSeconds: 60,
  }));

  it('fills what is missing with one load, and leaves the rest and other keys alone', async () => {
    const { health, service } = await processes.start();
    await service.read(spec, 7, always(OLD));
    const load = jest.fn(async () => [...entries, { key: 'platform:10', raw: '{}', ttlSeconds: 60 }]);
    expect(await service.warm(KEYS, load)).toBe(2);
    expect(load).toHaveBeenCalledTimes(1);
    expect(await service.read(spec, 7, always(NEW))).toMatchObject({ outcome: 'hit', value: OLD });
    expect(await service.read(spec, 8, always(NEW))).toMatchObject({
      outcome: 'hit',
      value: { name: 'warm' },
    });
    expect(await rawClient(health).exists('platform:10')).toBe(0);
    expect(await service.warm(KEYS, load)).toBe(0);
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('stores nothing that a writer drops while it loads', async () => {
    const { health, service } = await processes.start();
    const load = async () => {
      await service.drop(['platform:8']);
      return entries;
    };
    expect(await service.warm(KEYS, load)).toBe(2);
    expect(await rawClient(health).exists('platform:8')).toBe(0);
  });

  it('gives the leases back when the load fails or brings less', async () => {
    const { health, service } = await processes.start();
    await expect(service.warm(KEYS, () => Promise.reject(new Error('away')))).rejects.toThrow('away');
    expect(await rawClient(health).keys('*')).toEqual([]);
    expect(await service.warm(KEYS, async () => entries.slice(0, 1))).toBe(1);
    expect(await rawClient(health).keys('*')).toEqual(['platform:7']);
  });

  it('leaves a corrupt entry to the next read, and fills the others', async () => {
    const { health, service } = await processes.start();
    await rawClient(health).set('platform:8', 'not sealed');
    expect(await service.warm(KEYS, async () => entries)).toBe(2);
    expect(await service.read(spec, 8, always(NEW))).toMatchObject({ outcome: 'corrupt', stored: true });
  });

  it('says that a store which is not in use cannot be filled', async () => {
    const { health, service } = await processes.start();
    health.breaker.trip('the socket closed');
    await expect(service.warm(KEYS, async () => entries)).rejects.toMatchObject({
      reason: 'redis-unavailable',
    });
  });
});
