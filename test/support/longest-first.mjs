import { existsSync } from 'node:fs';
import path from 'node:path';
import TestSequencer from '@jest/test-sequencer';

const ROOT = path.join(import.meta.dirname, '../..');

/** The longest specs, longest first. Specs that take less than 25 seconds need no place here. */
const LONGEST = [
  'test/e2e/cli/credentials-transfer.spec.ts',
  'test/e2e/keys/keys-rotate.spec.ts',
  'test/e2e/http/fuzz.spec.ts',
  'test/browser/console-accessibility.spec.ts',
  'test/fault/secrets-canary.spec.ts',
  'test/fault/history.spec.ts',
  'test/e2e/client/packed-client.spec.ts',
  'test/fault/events.spec.ts',
  'test/simulation/simulation.spec.ts',
  'test/e2e/events/event-clients.spec.ts',
  'test/browser/console-live.spec.ts',
  'test/e2e/operation/embedded.spec.ts',
  'test/e2e/http/access-matrix.spec.ts',
  'test/fault/killed-writer.spec.ts',
  'test/fault/webhooks.spec.ts',
  'test/browser/console-cache.spec.ts',
  'test/e2e/database/growth.spec.ts',
  'test/e2e/operation/main-path.spec.ts',
  'test/fault/cluster-history.spec.ts',
  'test/e2e/http/abuse.spec.ts',
  'test/e2e/cache/tampering.spec.ts',
  'test/fault/outbox.spec.ts',
  'test/e2e/proxy/writes.spec.ts',
  'test/e2e/cache/redis-faults.spec.ts',
  'test/fault/expiry.spec.ts',
  'test/browser/console-connect.spec.ts',
  'src/cache/redis/redis-sentinel.spec.ts',
  'test/e2e/platforms/platform-test.spec.ts',
  'test/e2e/operation/workers.spec.ts',
  'test/fault/restart.spec.ts',
  'test/browser/console-platforms.spec.ts',
  'test/fault/redis-slow.spec.ts',
  'test/e2e/cli/cli.spec.ts',
  'test/e2e/events/events.spec.ts',
  'test/e2e/auth/api-keys.spec.ts',
  'test/e2e/watch/watch-embedded.spec.ts',
  'test/e2e/operation/processes.spec.ts',
  'test/browser/console-list.spec.ts',
  'test/browser/console-account.spec.ts',
  'test/e2e/platforms/races.spec.ts',
  'test/e2e/watch/watch.spec.ts',
  'test/e2e/connect/outcomes.spec.ts',
  'test/e2e/webhooks/failures.spec.ts',
  'test/fault/cut-off-writer.spec.ts',
  'test/e2e/watch/told-in-time.spec.ts',
  'src/cache/redis/redis-connection.spec.ts',
  'test/fault/events-client.spec.ts',
].map((file) => path.join(ROOT, file));

/**
 * Starts the longest specs first, so that no worker is left with a long one when the others have ended. Jest does so by
 * the durations of the last run; a fresh checkout has none, and Jest would go by the size of the files.
 */
export default class LongestFirst extends TestSequencer {
  sort(tests) {
    const gone = LONGEST.filter((file) => !existsSync(file));
    if (gone.length > 0)
      throw new Error(`longest-first.mjs names specs that do not exist: ${gone.join(', ')}`);
    return [...super.sort(tests)].sort((a, b) => place(a) - place(b));
  }
}

function place(test) {
  const index = LONGEST.indexOf(test.path);
  return index === -1 ? LONGEST.length : index;
}
