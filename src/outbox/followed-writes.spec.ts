import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { CacheUnavailable } from '../cache/cache-errors.js';
import { MemoryHealth } from '../cache/cache-health.js';
import { MemoryStore } from '../cache/memory-store.js';
import { SelfAudit } from '../cache/self-audit.js';
import { CacheKeys } from './cache-keys.js';
import { STATS_CHANGED } from './change.js';
import { FollowedWrites } from './followed-writes.js';

const LIST = 'user_platforms:7';
const ONE = 'platform:12';
const TTL_MS = 3_600_000;

describe('FollowedWrites', () => {
  let now: number;
  let store: MemoryStore;
  let health: MemoryHealth;
  let audit: SelfAudit;
  let followed: FollowedWrites;
  /** The version that the database has; null if the connection is gone. */
  let current: number | null;
  let loads: number;
  let said: string[];

  beforeEach(() => {
    now = 0;
    loads = 0;
    current = 2;
    store = new MemoryStore();
    health = new MemoryHealth(store);
    audit = new SelfAudit(store);
    const keys = new CacheKeys();
    keys.registerVersioned(({ userId, platformId, type }) =>
      (type === STATS_CHANGED ? [] : [`user_platforms:${userId}`, `platform:${platformId}`]).map((key) => ({
        key,
        versionIn: (raw) => JSON.parse(raw) as number | null,
        load: async () => {
          loads++;
          return JSON.stringify(current);
        },
      })),
    );
    followed = new FollowedWrites(store, health, keys, audit, 5, () => now);
    said = [];
    const keep = (text: unknown): boolean => said.push(String(text)) > 0;
    jest.spyOn(process.stderr, 'write').mockImplementation(keep);
    jest.spyOn(process.stdout, 'write').mockImplementation(keep);
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  const hear = (version: number | null, { id = 10, type = 'platform.updated' } = {}): void =>
    followed.hear({ id: String(id), change: { userId: 7, platformId: 12, type }, version, atMs: 0 });
  const show = async (version: number | null, ...keys: string[]): Promise<void> => {
    for (const key of keys) await store.set(key, JSON.stringify(version), TTL_MS);
  };
  /** As the relay of a process that is well: two looks a second. */
  const pass = async (ms: number): Promise<void> => {
    for (const end = now + ms; now < end; now += 500) await followed.look();
  };
  const lines = (): string[] => said.filter((line) => line.includes('older than a write'));

  it('has seen a write when the entries show it, with one look at each', async () => {
    const gets = jest.spyOn(store, 'get');
    await show(2, LIST, ONE);
    hear(2);
    await pass(20_000);
    expect(followed.outcomes).toEqual({ seen: 2, absent: 0, abandoned: 0, stale: 0 });
    expect(gets).toHaveBeenCalledTimes(2);
    expect([loads, audit.inconsistencies]).toEqual([0, 0]);
  });

  it('reports an entry that goes on showing what was before the write, once for each, and removes it', async () => {
    await show(1, LIST, ONE);
    hear(2);
    await pass(6000);
    expect(audit.inconsistencies).toBe(0);
    await pass(1000);
    expect(audit.inconsistencies).toBe(2);
    expect(await store.get(LIST)).toBe('1');
    await pass(20_000);
    expect(await store.get(LIST)).toBeNull();
    expect(followed.outcomes).toEqual({ seen: 0, absent: 0, abandoned: 0, stale: 2 });
    expect(audit.inconsistencies).toBe(2);
    const [line] = lines();
    expect(line).toContain(
      `${LIST} shows version 1 of connection 12. Change 10 (platform.updated) left version 2`,
    );
    expect(line).toContain(
      'dropped at 1970-01-01T00:00:00.000Z. Heard of 6000 ms ago, seen stale since 6000 ms.',
    );
    expect(line).toContain(`Process ${process.pid} of `);
    expect(lines()).toHaveLength(2);
  });

  it('finds the old entry that a slow reader stores late', async () => {
    hear(2);
    await pass(4000);
    await show(1, ONE);
    await pass(10_000);
    expect(audit.inconsistencies).toBe(1);
    expect(followed.outcomes.absent).toBe(1);
  });

  it('says nothing of an old entry that is replaced in time', async () => {
    await show(1, LIST, ONE);
    hear(2);
    await pass(4000);
    await show(2, LIST, ONE);
    await pass(20_000);
    expect(followed.outcomes.seen).toBe(2);
    expect(audit.inconsistencies).toBe(0);
  });

  it('says nothing when the old entry went, and another old one came', async () => {
    await show(1, ONE);
    hear(2);
    await pass(4000);
    await store.drop([ONE]);
    await pass(3000);
    await show(1, ONE);
    await pass(8000);
    await store.drop([ONE]);
    await pass(20_000);
    expect(audit.inconsistencies).toBe(0);
  });

  it('reports a deleted connection that is still shown, and a created one that is not', async () => {
    current = null;
    await show(4, ONE);
    hear(null, { type: 'platform.deleted' });
    await pass(8000);
    expect(audit.inconsistencies).toBe(1);
    await show(null, LIST);
    current = 1;
    hear(1, { id: 20, type: 'platform.created' });
    await pass(8000);
    expect(audit.inconsistencies).toBe(2);
  });

  it.each([
    { what: 'lacks a connection that is inactive', shown: null, version: 2, now: null },
    { what: 'lacks a connection that has become active since', shown: null, version: 2, now: 3 },
    { what: 'shows what a failover of PostgreSQL has left', shown: 1, version: 2, now: 1 },
    { what: 'shows a connection that was inserted once more', shown: 1, version: null, now: 1 },
  ])('takes an entry for right that $what', async ({ shown, version, now: loaded }) => {
    current = loaded;
    await show(shown, LIST, ONE);
    hear(version, { type: version === null ? 'platform.deleted' : 'platform.updated' });
    await pass(20_000);
    expect(loads).toBe(2);
    expect(audit.inconsistencies).toBe(0);
    expect(followed.outcomes.seen).toBe(2);
  });

  it('is silent while changes wait for their keys to be dropped', async () => {
    await show(1, LIST, ONE);
    hear(2);
    await pass(3000);
    health.behind = true;
    await pass(4000);
    health.behind = false;
    await pass(20_000);
    expect(followed.outcomes.abandoned).toBe(2);
    expect(audit.inconsistencies).toBe(0);
  });

  it('is silent when trust has ended and begun again since', async () => {
    await show(1, LIST, ONE);
    hear(2);
    await pass(3000);
    Object.defineProperty(health, 'epoch', { value: 1 });
    await pass(20_000);
    expect(followed.outcomes.abandoned).toBe(2);
  });

  it('is silent when Redis does not answer', async () => {
    await show(1, LIST, ONE);
    hear(2);
    jest.spyOn(store, 'get').mockRejectedValue(new CacheUnavailable('redis-timeout', 'slow'));
    await pass(20_000);
    expect(followed.outcomes.abandoned).toBe(2);
    expect(said).toEqual([]);
  });

  it('follows one change of five, each once however often it is heard of, and none of statistics', async () => {
    for (let id = 1; id <= 20; id++) for (let times = 0; times < 3; times++) hear(2, { id });
    hear(null, { id: 25, type: STATS_CHANGED });
    await pass(20_000);
    expect(followed.outcomes.absent).toBe(2 * 4);
    hear(2, { id: 20 });
    await pass(20_000);
    expect(followed.outcomes.absent).toBe(2 * 4);
  });

  it('follows a thousand entries at most, and counts the others', async () => {
    for (let id = 5; id <= 5 * 600; id += 5) hear(2, { id });
    await pass(20_000);
    expect(followed.outcomes).toMatchObject({ absent: 1000, abandoned: 200 });
  });

  it('asks for nothing when nothing is written', async () => {
    const gets = jest.spyOn(store, 'get');
    await pass(60_000);
    expect(gets).not.toHaveBeenCalled();
  });
});
