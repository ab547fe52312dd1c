import { accountCalls } from './calls/accounts.js';
import type { Calls } from './calls/call.js';
import { connectingCalls } from './calls/connecting.js';
import { operatorCalls } from './calls/operators.js';
import { platformCalls } from './calls/platforms.js';
import { webhookCalls } from './calls/webhooks.js';
import { workerCalls } from './calls/workers.js';
import type { Canary } from './canary.js';

/** Fewer than there are connections to the database. */
const AT_A_TIME = 8;

/**
 * Secrets for every operation of the OpenAPI document, new ones each time, where they belong and where they do not;
 * only not in a path, nor as the name of a field, which an error shows. An operation that is not called fails the test.
 */
const CALLS: Calls = {
  ...accountCalls,
  ...workerCalls,
  ...webhookCalls('/v1/webhooks', ({ owner }) => owner.client),
  ...webhookCalls('/v1/admin/webhooks', ({ admin }) => admin.client),
  ...connectingCalls,
  ...platformCalls,
  ...operatorCalls,
};

/** Several operations at a time, whatever the answers are: with Redis away each write waits two seconds for a peer. */
export async function callEverything(canary: Canary): Promise<void> {
  const { secrets } = canary.app.backends;
  const operations = Object.values(CALLS).values();
  const work = async (): Promise<void> => {
    for (const calls of operations)
      for (const call of calls) await call(canary, (what) => secrets.make(what));
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
}
