import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FaultDeployment } from '../support/fault-deployment.js';
import type { FaultProcess } from '../support/fault-process.js';
import type { InsertedUser } from '../support/insert-users.js';
import { StatementCounter } from '../support/statements.js';

const WRITES = 40;
/** The list, the connection and its statistics: one DEL each. */
const KEYS_PER_WRITE = 3;

let deployment: FaultDeployment;
let processes: FaultProcess[];
let user: InsertedUser;

beforeAll(async () => {
  deployment = await FaultDeployment.start();
  processes = await Promise.all([deployment.startProcess(), deployment.startProcess()]);
  [user] = (await deployment.insertUsers(1)) as [InsertedUser];
}, 180_000);
afterAll(() => deployment.remove(), 120_000);

/** How often Redis was asked to delete while `work` ran and until the outbox was drained. */
async function deletions(work: () => Promise<void>): Promise<number> {
  const calls = async (): Promise<number> =>
    Number(/^cmdstat_del:calls=(\d+)/m.exec(await deployment.backends.redis.info('commandstats'))?.[1] ?? 0);
  const before = await calls();
  await work();
  await deployment.backends.settled();
  return (await calls()) - before;
}

describe('the keys of a change', () => {
  it('are dropped once when its writer drops them, whatever the relays of all processes do', async () => {
    const dropped = await deletions(async () => {
      for (let write = 0; write < WRITES; write++) {
        const { status } = await processes[write % 2]!.rename(user, `name ${write}`);
        expect(status).toBe(200);
      }
    });
    expect(dropped).toBeGreaterThanOrEqual(WRITES * KEYS_PER_WRITE);
    // A writer that is held up for longer than the relays wait has its keys dropped twice. That is rare.
    expect(dropped).toBeLessThan(WRITES * KEYS_PER_WRITE * 1.2);
  });

  it('are dropped by a relay when nobody else has', async () => {
    const dropped = await deletions(async () => {
      await deployment.backends.sql.query(`UPDATE platform_connections SET name = 'by hand' WHERE id = $1`, [
        user.platformId,
      ]);
    });
    expect(dropped).toBe(KEYS_PER_WRITE);
  });
});

it('a write makes its own process look at the outbox, and the others only now and then', async () => {
  const statements = await StatementCounter.install(deployment.backends);
  const since = performance.now();
  for (let write = 0; write < WRITES; write++)
    expect((await processes[0]!.rename(user, `look ${write}`)).status).toBe(200);
  await deployment.backends.settled();
  const looks = await statements.calls('platform_changes_publish');
  const tenths = Math.ceil((performance.now() - since) / 100);
  expect(looks).toBeGreaterThanOrEqual(1);
  expect(looks).toBeLessThanOrEqual(WRITES + processes.length * (tenths + 1));
});
