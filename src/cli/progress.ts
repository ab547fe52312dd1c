import { Presets, SingleBar } from 'cli-progress';
import type { RotationProgress } from '../keys/key-rotation.js';

const LINE_INTERVAL_MS = 2000;

/** A progress bar on a terminal. Elsewhere, such as in a log file, at most one line every two seconds. */
export function progressOn(stream: NodeJS.WriteStream): RotationProgress {
  return stream.isTTY ? barOn(stream) : linesOn(stream);
}

function barOn(stream: NodeJS.WriteStream): RotationProgress {
  let bar: SingleBar | undefined;
  return {
    started(what, rows) {
      bar = new SingleBar(
        { stream, format: `${what} [{bar}] {value}/{total} ({percentage} %) {eta_formatted}` },
        Presets.rect,
      );
      bar.start(rows, 0);
    },
    advanced: (rows) => bar?.increment(rows),
    finished: () => bar?.stop(),
  };
}

function linesOn(stream: NodeJS.WritableStream): RotationProgress {
  let name = '';
  let total = 0;
  let done = 0;
  let writtenAt = 0;
  return {
    started(what, rows) {
      [name, total, done, writtenAt] = [what, rows, 0, performance.now()];
      stream.write(`${what}: ${rows} to do\n`);
    },
    advanced(rows) {
      done += rows;
      if (performance.now() - writtenAt < LINE_INTERVAL_MS) return;
      writtenAt = performance.now();
      stream.write(`${name}: ${done} of ${total}\n`);
    },
    finished() {
      if (total > 0) stream.write(`${name}: ${done} of ${total}\n`);
    },
  };
}
