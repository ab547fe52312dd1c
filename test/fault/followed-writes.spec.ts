import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sealEnvelope } from '../../src/crypto/envelope.js';
import { KeyRing } from '../../src/crypto/key-ring.js';
import { FOLLOWED_ONE_OF } from '../../src/outbox/followed-writes.js';
import { waitUntil } from '../support/barrier.js';
import { FaultDeployment } from '../support/fault-deployment.js';
import type { FaultProcess } from '../support/fault-process.js';
import type { InsertedUser } from '../support/insert-users.js';

const FOLLOWED_ID = FOLLOWED_ONE_OF * 1000;
/** Looks over six seconds, the removal three seconds later, and a margin for a slow machine. */
const PATIENCE_MS = 60_000;
const SEEN = 'cache_followed_entries_total{outcome="seen"}';

let deployment: FaultDeployment;
let processes: FaultProcess[];
let user: InsertedUser;

beforeAll(async () => {
  deployment = await FaultDeployment.start();
  processes = await Promise.all([deployment.startProcess(), deployment.startProcess()]);
  [user] = (await deployment.insertUsers(1)) as [InsertedUser];
}, 180_000);
afterAll(() => deployment.remove(), 120_000);

/** A rename, as the change of the outbox that is followed. */
async function renameFollowed(changeId: number): Promise<void> {
  await deployment.backends.sql.query(
    `SELECT setval(pg_get_serial_sequence('platform_changes', 'id'), $1, false)`,
    [changeId],
  );
  const { status } = await processes[0]!.rename(user, `name ${changeId}`);
  expect(status).toBe(200);
}

const keys = (): string[] => [`user_platforms:${user.id}`, `platform:${user.platformId}`];

async function fill(): Promise<void> {
  for (const status of [(await processes[0]!.list(user)).status, (await processes[0]!.one(user)).status])
    expect(status).toBe(200);
}

const shownBy = async (process: FaultProcess): Promise<unknown[]> => {
  const [list, one] = [await process.list(user), await process.one(user)];
  return [
    (JSON.parse(list.text) as { version: number }[])[0]?.version,
    (JSON.parse(one.text) as { version: number }).version,
  ];
};

/** The same value, as if a process had read it from the database a moment from now. */
function sealedLater(key: string, sealed: string): string {
  const [text = '', claims = ''] = sealed.split('\n');
  const { i, e } = JSON.parse(claims) as { i: string; e: number };
  return sealEnvelope(KeyRing.parse(deployment.backends.encryptionKey), key, text, {
    installation: i,
    readAt: Date.now() + 60_000,
    expiresAt: e,
  });
}

const inconsistencies = (process: FaultProcess): Promise<number> =>
  process.metric('cache_inconsistencies_total');

describe('a write that is followed', () => {
  it('is seen by every process in the entries that it has left', async () => {
    await fill();
    await renameFollowed(FOLLOWED_ID);
    await fill();
    const seen = async (): Promise<boolean> =>
      (await Promise.all(processes.map((process) => process.metric(SEEN)))).every((count) => count === 2);
    await waitUntil(seen, { timeoutMs: PATIENCE_MS, what: 'both processes to have seen both entries' });
    for (const process of processes) expect(await inconsistencies(process)).toBe(0);
  });

  it('is reported with its trace by every process that would answer with an older entry, which is then removed', async () => {
    await fill();
    const { redis } = deployment.backends;
    const old = await Promise.all(keys().map(async (key) => (await redis.get(key)) ?? ''));
    const [before] = await shownBy(processes[0]!);
    await renameFollowed(2 * FOLLOWED_ID);
    const after = (before as number) + 1;
    for (const [index, key] of keys().entries())
      await redis.set(key, sealedLater(key, old[index] ?? ''), { EX: 3600 });
    for (const process of processes) expect(await shownBy(process)).toEqual([before, before]);

    const found = async (): Promise<boolean> =>
      (await Promise.all(processes.map(inconsistencies))).every((count) => count === 2);
    await waitUntil(found, { timeoutMs: PATIENCE_MS, what: 'both processes to have reported both entries' });
    for (const { api } of processes) {
      for (const key of keys()) {
        const [line] = await api.printed(new RegExp(`^.*older than a write.* ${key} shows .*$`, 'm'));
        expect(line).toContain(
          `${key} shows version ${String(before)} of connection ${user.platformId}. Change ${2 * FOLLOWED_ID} ` +
            `(platform.updated) left version ${after}`,
        );
        expect(line).toContain(`Process ${api.pid} of `);
      }
    }
    const isRemoved = async (): Promise<boolean> => (await redis.exists(keys()[1] ?? '')) === 0;
    await waitUntil(isRemoved, { timeoutMs: PATIENCE_MS, what: 'the old entries to be removed' });
    for (const process of processes)
      await waitUntil(async () => (await shownBy(process)).every((version) => version === after), {
        timeoutMs: PATIENCE_MS,
        what: 'the right entries to be read',
      });
  });
});
