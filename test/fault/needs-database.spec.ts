import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { waitUntil } from '../support/barrier.js';
import { FaultDeployment } from '../support/fault-deployment.js';
import { isHit } from '../support/load.js';

let deployment: FaultDeployment;

beforeAll(async () => {
  deployment = await FaultDeployment.start({ DATABASE_ACQUIRE_TIMEOUT_MS: '500' });
}, 120_000);
afterAll(() => deployment.remove(), 60_000);

it('with CACHE_NEEDS_DATABASE cached values are read only while the outbox can be looked at', async () => {
  const env = { CACHE_NEEDS_DATABASE: 'true' };
  const [strict, usual] = await Promise.all([
    deployment.startProcess({ env, proxies: ['database'] }),
    deployment.startProcess({ proxies: ['database'] }),
  ]);
  const [user] = await deployment.insertUsers(1);
  if (user === undefined) throw new Error('There is no user');
  await strict.warm([user]);
  await usual.warm([user]);
  const hits = async (process: typeof strict): Promise<boolean> => isHit(await process.list(user));
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
