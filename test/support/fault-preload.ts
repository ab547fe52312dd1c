/** Said by a process that has collected its garbage. */
export const COLLECTED = 'garbage collected';

/** The environment of a process that runs `code` before the application, which knows nothing of it. */
function preloaded(code: string): Readonly<Record<string, string>> {
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
}

/** A process whose clock, but not its timers, is off. */
export function clockOffBy(milliseconds: number): Readonly<Record<string, string>> {
  return preloaded(`
    const RealDate = Date;
    globalThis.Date = class Date extends RealDate {
      constructor(...given) {
        if (given.length === 0) super(RealDate.now() + ${milliseconds});
        else super(...given);
      }
      static now() {
        return RealDate.now() + ${milliseconds};
      }
    };`);
}

/** A process that collects its garbage on SIGWINCH (Nest ends on most other signals), so that what it holds can be told from what it has not cleaned up yet. */
export const COLLECTABLE = preloaded(`
  import { Session } from 'node:inspector';
  const session = new Session();
  session.connect();
  process.on('SIGWINCH', () => {
    session.post('HeapProfiler.collectGarbage', () => process.stdout.write('${COLLECTED}\\n'));
  });`);
