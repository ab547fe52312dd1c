import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { waitUntil } from '../support/barrier.js';
import { FaultDeployment } from '../support/fault-deployment.js';
import type { FaultProcess } from '../support/fault-process.js';
import { isHit } from '../support/load.js';

let deployment: FaultDeployment;
let strict: FaultProcess;
let usual: FaultProcess;

beforeAll(async () => {
  deployment = await FaultDeployment.start({ DATABASE_ACQUIRE_TIMEOUT_MS: '500' });
  [strict, usual] = await Promise.all([
    deployment.startProcess({ env: { CACHE_NEEDS_DATABASE: 'true' }, proxies: ['database'] }),
    deployment.startProcess({ proxies: ['database'] }),
  ]);
}, 120_000);
afterAll(() => deployment.remove(), 60_000);

it('with CACHE_NEEDS_DATABASE cached values are read only while the outbox can be looked at', async () => {
  const [user] = await deployment.insertUsers(1);
  if (user === undefined) throw new Error('There is no user');
  await strict.warm([user]);
  await usual.warm([user]);
  const hits = async (process: FaultProcess): Promise<boolean> => isHit(await process.list(user));
  expect([await hits(strict), await hits(usual)]).toEqual([true, true]);

  for (const { databaseLink } of [strict, usual]) await databaseLink.cut();
  await waitUntil(async () => (await strict.list(user)).status === 503, {
    timeoutMs: 10_000,
    what: 'cached reads to end',
  });
  expect(await hits(usual)).toBe(true);

  for (const { databaseLink } of [strict, usual]) await databaseLink.restore();
  await waitUntil(() => hits(strict), { timeoutMs: 30_000, what: 'cached reads to go on' });
});

it.each([
  { what: 'the numbers of events, which then wait', table: 'platform_event_position', waiting: 1 },
  { what: 'the position of the webhooks', table: 'event_handover', waiting: 0 },
])('and they are read while somebody holds $what', async ({ table, waiting }) => {
  const [user] = await deployment.insertUsers(1);
  if (user === undefined) throw new Error('There is no user');
  const { backends } = deployment;
  await backends.published();
  const holder = await backends.sql.connect();
  try {
    await holder.query('BEGIN');
    await holder.query(`SELECT FROM ${table} FOR UPDATE`);
    expect((await strict.rename(user, 'Renamed')).status).toBe(200);
    // Longer than a look at the outbox from before is good for (TRUST_MS).
    await sleep(1600);
    await waitUntil(async () => isHit(await strict.list(user)), {
      // Shorter than DATABASE_STATEMENT_TIMEOUT_MS, which would end a wait for the row too.
      timeoutMs: 3000,
      what: 'a cached read',
    });
    const [unpublished] = await backends.rows<{ count: number }>(
      `SELECT count(*)::integer FROM platform_changes WHERE event_id IS NULL AND type LIKE 'platform.%'`,
    );
    expect(unpublished?.count).toBe(waiting);
  } finally {
    await holder.query('ROLLBACK');
    holder.release();
  }
  await backends.published();
});
