import { RedisHealth } from '../../src/cache/redis/redis-health.js';
import { RedisStore } from '../../src/cache/redis/redis-store.js';
import { SelfAudit } from '../../src/cache/self-audit.js';
import { CacheKeys } from '../../src/outbox/cache-keys.js';
import { FOLLOWED_ONE_OF, FollowedWrites } from '../../src/outbox/followed-writes.js';
import { versionIn } from '../../src/platforms/platform-cache.js';
import { waitUntil } from '../support/barrier.js';
import { connectRedis } from '../support/connect-redis.js';
import { sealedEntries } from '../support/sealed-entries.js';

const WRITES = 400;
const DEADLINE_MS = 5000;
/** More than between two looks. */
const STEP_MS = 6000;
const STEPS = 4;

/**
 * CPU that a process takes to follow its sample of the writes, in microseconds for each write of all: the shipped code on a Redis,
 * with every write followed, divided by the size of the sample.
 *
 * @param filled whether somebody has read what was written. If nobody has, the entries are looked at to the end.
 */
export async function followedUs(redisUrl: string, rounds: number, filled: boolean): Promise<number[]> {
  const health = new RedisHealth(connectRedis(redisUrl, DEADLINE_MS), {
    log: () => undefined,
    warn: () => undefined,
  });
  await health.start();
  await waitUntil(() => health.bypassReason === null, { timeoutMs: 30_000, what: 'Redis to be in use' });
  const store = new RedisStore(
    health.connection,
    health.breaker,
    DEADLINE_MS,
    sealedEntries(),
    `followed:${filled}:`,
  );
  const keys = new CacheKeys();
  keys.registerVersioned(({ platformId }) =>
    [`list:${platformId}`, `one:${platformId}`].map((key) => ({
      key,
      versionIn: (raw) => versionIn(raw, platformId),
      load: () => Promise.reject(new Error('Nothing is stale here')),
    })),
  );
  const measured: number[] = [];
  for (let round = 0; round < rounds; round++) {
    if (filled) await fill(store);
    let now = 0;
    const followed = new FollowedWrites(store, health, keys, new SelfAudit(store), 1, () => now);
    const cpu = process.cpuUsage();
    for (let id = 0; id < WRITES; id++)
      followed.hear({
        id: String(id),
        change: { userId: id, platformId: id, type: 'platform.updated' },
        version: 2,
        atMs: 0,
      });
    for (let step = 0; step < STEPS; step++, now += STEP_MS) await followed.look();
    const { user, system } = process.cpuUsage(cpu);
    if (followed.outcomes[filled ? 'seen' : 'absent'] !== 2 * WRITES)
      throw new Error(`Followed in vain: ${JSON.stringify(followed.outcomes)}`);
    measured.push((user + system) / WRITES / FOLLOWED_ONE_OF);
  }
  await health.stop();
  return measured;
}

/** A connection, and a list of three, of the size that they have in the other parts. */
async function fill(store: RedisStore): Promise<void> {
  const view = (id: number) => ({ id, version: 2, filler: 'x'.repeat(450) });
  for (let id = 0; id < WRITES; id++) {
    // So that the process has not verified the text before.
    await store.drop([`list:${id}`, `one:${id}`]);
    await store.set(`list:${id}`, JSON.stringify([view(-1), view(id), view(-2)]), 60_000);
    await store.set(`one:${id}`, JSON.stringify(view(id)), 60_000);
  }
}
