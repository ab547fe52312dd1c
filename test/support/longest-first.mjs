import TestSequencer from '@jest/test-sequencer';

/** Seconds that the long specs take, roughly; only their order matters. A spec that is not listed counts as short. */
const SECONDS = new Map([
  ['history', 300],
  ['console-platforms', 110],
  ['keys-rotate', 100],
  ['boot-canary', 90],
  ['events', 80],
  ['event-clients', 75],
  ['redis-faults', 70],
  ['watch-embedded', 65],
  ['secrets-canary', 60],
  // Longer than that; but here it does not run beside the other history, of which each keeps both cores busy.
  ['cluster-history', 60],
  ['console-cache', 60],
  ['killed-writer', 55],
  ['console-accessibility', 50],
  ['growth', 45],
  ['lookup-without-redis', 45],
  ['races', 40],
  ['embedded', 40],
  ['restart', 40],
]);
const OTHERS_SECONDS = 10;

/**
 * Starts the longest specs first, so that no worker ends with a long one while the other idles. Jest does this itself
 * with the times of its last run, but a clean checkout has none: it then goes by file size, and the two histories, among
 * the smallest files, would come last.
 */
export default class LongestFirst extends TestSequencer {
  time(test) {
    const name = /([^/\\]+)\.spec\.ts$/.exec(test.path)?.[1] ?? '';
    return super.time(test) ?? 1000 * (SECONDS.get(name) ?? OTHERS_SECONDS);
  }
}
