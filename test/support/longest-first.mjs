import { existsSync } from 'node:fs';
import path from 'node:path';
import TestSequencer from '@jest/test-sequencer';

const ROOT = path.join(import.meta.dirname, '../..');

/** The longest specs, longest first. Specs that take less than half a minute need no place here. */
const LONGEST = [
  'test/fault/cluster-history.spec.ts',
  'test/browser/console-platforms.spec.ts',
  'test/e2e/keys/keys-rotate.spec.ts',
  'test/e2e/keys/boot-canary.spec.ts',
  'test/fault/killed-writer.spec.ts',
  'test/fault/events.spec.ts',
  'test/e2e/events/event-clients.spec.ts',
  'test/browser/console-cache.spec.ts',
  'test/e2e/cache/redis-faults.spec.ts',
  'test/e2e/watch/watch-embedded.spec.ts',
  'test/e2e/database/growth.spec.ts',
  'test/fault/secrets-canary.spec.ts',
  'test/browser/console-accessibility.spec.ts',
  'test/e2e/instances/lookup-without-redis.spec.ts',
  'test/e2e/platforms/races.spec.ts',
  'test/e2e/operation/embedded.spec.ts',
  'test/fault/restart.spec.ts',
  'test/e2e/http/abuse.spec.ts',
  'test/support/servers/data-servers.spec.ts',
  'test/fault/outbox.spec.ts',
  'test/e2e/connect/outcomes.spec.ts',
  'test/e2e/connect/connect-browser.spec.ts',
  'src/cache/redis/redis-sentinel.spec.ts',
  'src/cache/redis/redis-cluster.spec.ts',
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
