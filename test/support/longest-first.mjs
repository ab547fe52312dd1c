import Sequencer from '@jest/test-sequencer';

/** Minutes each; begun last, they would leave a core idle. On a fresh clone Jest knows no durations, only sizes. */
const LONGEST = [
  'fault/history',
  'fault/cluster-history',
  'e2e/events',
  'browser/console-platforms',
  'e2e/keys-rotate',
];

/** Jest's own order, but for these. */
export default class LongestFirst extends Sequencer {
  sort(tests) {
    const place = ({ path }) => {
      const index = LONGEST.findIndex((name) => path.endsWith(`${name}.spec.ts`));
      return index < 0 ? LONGEST.length : index;
    };
    return super.sort(tests).sort((one, other) => place(one) - place(other));
  }
}
