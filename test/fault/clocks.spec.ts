import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { FaultDeployment } from '../support/fault-deployment.js';
import { versionIn } from '../support/fault-history.js';
import { clockOffBy } from '../support/fault-preload.js';
import type { FaultProcess } from '../support/fault-process.js';
import { isHit } from '../support/load.js';

const HOUR_MS = 3_600_000;
const USERS = 50;

let deployment: FaultDeployment;
let processes: Record<'right' | 'fast' | 'slow', FaultProcess>;

beforeAll(async () => {
  // Much shorter than the clocks are off: an entry whose expiry was a time of day would be over, or never end.
  deployment = await FaultDeployment.start({ CACHE_PLATFORM_TTL_SECONDS: '300' });
  const [right, fast, slow] = await Promise.all([
    deployment.startProcess(),
    deployment.startProcess({ env: clockOffBy(HOUR_MS) }),
    deployment.startProcess({ env: clockOffBy(-HOUR_MS) }),
  ]);
  processes = { right, fast, slow };
}, 180_000);
afterAll(() => deployment.remove(), 120_000);

it.each(['fast', 'slow'] as const)(
  'a process whose clock is an hour %s: what it stores the others hit, and what they store it hits',
  async (off) => {
    const { right } = processes;
    const wrong = processes[off];
    const startedAt = (await wrong.metric('process_start_time_seconds')) * 1000;
    expect(Math.abs(Math.abs(startedAt - Date.now()) - HOUR_MS)).toBeLessThan(HOUR_MS / 2);

    for (const [filler, reader] of [
      [wrong, right],
      [right, wrong],
    ] as const) {
      const users = await deployment.insertUsers(USERS);
      await filler.warm(users);
      for (const process of [reader, filler]) {
        const replies = await Promise.all(
          users.flatMap((user) => [process.list(user), process.one(user), process.list(user)]),
        );
        expect(replies.filter(isHit)).toHaveLength(replies.length);
      }
      const remaining = await Promise.all(
        users.map(({ id }) => deployment.backends.redis.pTTL(`user_platforms:${id}`)),
      );
      expect(Math.min(...remaining)).toBeGreaterThan(200_000);
      expect(Math.max(...remaining)).toBeLessThanOrEqual(300_000);

      const [user] = users;
      if (user === undefined) throw new Error('No users');
      expect((await filler.rename(user, 'new')).status).toBe(200);
      // Its relay drops it once more, and not between the two reads.
      await deployment.backends.settled();
      expect(versionIn(await reader.list(user))).toBe(2);
      expect(isHit(await filler.list(user))).toBe(true);
    }
  },
  90_000,
);
