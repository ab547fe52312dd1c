import { existsSync } from 'node:fs';
import path from 'node:path';
import TestSequencer from '@jest/test-sequencer';

const ROOT = path.join(import.meta.dirname, '../..');

/** The longest specs, longest first. Specs that take less than half a minute need no place here. */
const LONGEST = [
  'test/e2e/cli/credentials-transfer.spec.ts',
  'test/fault/events.spec.ts',
  'test/browser/console-platforms.spec.ts',
  'test/e2e/client/packed-client.spec.ts',
  'test/e2e/keys/keys-rotate.spec.ts',
  'test/fault/killed-writer.spec.ts',
  'test/browser/console-live.spec.ts',
  'test/fault/secrets-canary.spec.ts',
  'test/e2e/cli/cli.spec.ts',
  'test/e2e/events/event-clients.spec.ts',
  'test/e2e/connect/outcomes.spec.ts',
  'test/e2e/cache/redis-faults.spec.ts',
  'test/e2e/cache/tampering.spec.ts',
  'test/browser/console-cache.spec.ts',
  'test/e2e/http/abuse.spec.ts',
  'test/e2e/events/events.spec.ts',
  'test/fault/cluster-history.spec.ts',
  'test/browser/console-accessibility.spec.ts',
  'src/cache/redis/redis-sentinel.spec.ts',
  'test/e2e/operation/embedded.spec.ts',
  'test/e2e/http/fuzz.spec.ts',
  'test/fault/postgres-failover.spec.ts',
  'test/e2e/auth/api-keys.spec.ts',
  'test/e2e/keys/boot-canary.spec.ts',
  'test/e2e/platforms/platform-test.spec.ts',
  'test/e2e/operation/main-path.spec.ts',
  'test/e2e/cli/users.spec.ts',
  'test/e2e/operation/processes.spec.ts',
  'test/fault/restart.spec.ts',
  'test/e2e/platforms/races.spec.ts',
  'test/fault/shutdown.spec.ts',
  'src/cache/redis/redis-cluster.spec.ts',
  'test/e2e/http/idempotency.spec.ts',
  'src/watch/queued-rounds.spec.ts',
  'test/fault/outbox.spec.ts',
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
