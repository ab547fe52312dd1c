import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { PLANTED, SMALL } from './planted.mjs';

// npm run simulate -- [--seed N] [--seeds N] [--minutes M] [--cpu SECONDS]: the shipped code under simulated faults.
// npm run simulate -- --planted [part of a name]: whether it finds faults that are built in. Each has a minute of one core.

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TIMERS = `export const setTimeout = (ms, value) =>
  new Promise((resolve) => globalThis.setTimeout(resolve, ms, value));`;

/** One file of the simulation and of the parts of src that it uses, with these patches. */
async function build(folder, patches) {
  const files = new Map();
  for (const { file, text, by, name } of [...SMALL, ...patches]) {
    const path = join(ROOT, file);
    const code = files.get(path) ?? readFileSync(path, 'utf8');
    if (code.split(text).length !== 2)
      throw new Error(`${name}: the text is not in ${file}, or more than once`);
    files.set(
      path,
      code.replace(text, () => by),
    );
  }
  const bundle = await rolldown({
    input: join(ROOT, 'test/simulation/main.ts'),
    platform: 'node',
    tsconfig: join(ROOT, 'tsconfig.json'),
    external: [/^node:(?!timers\/promises)/, /^(?!@oxc-project)@?[a-z][^:]*$/],
    plugins: [
      {
        name: 'simulation',
        // Node's own would wait on the real clock.
        resolveId: (id) => (id === 'node:timers/promises' ? '\0timers' : null),
        load: (id) => (id === '\0timers' ? TIMERS : (files.get(id) ?? null)),
      },
    ],
  });
  const file = join(folder, 'simulation.js');
  await bundle.write({ file, keepNames: true, sourcemap: true });
  await bundle.close();
  return file;
}

function run(file, args, stdio) {
  return spawnSync(process.execPath, ['--enable-source-maps', file, ...args], {
    stdio,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
}

const args = process.argv.slice(2);
// Below node_modules, so that libraries are found.
const folder = mkdtempSync(join(ROOT, 'node_modules/.simulation-'));
try {
  if (args[0] !== '--planted') process.exitCode = run(await build(folder, []), args, 'inherit').status ?? 1;
  else {
    const chosen = PLANTED.filter(({ name }) => name.includes(args[1] ?? ''));
    let found = 0;
    for (const patch of chosen) {
      const file = await build(folder, [patch]);
      const { status, stdout, stderr } = run(
        file,
        ['--cpu', '60', '--minutes', '15', '--shrink', '0'],
        'pipe',
      );
      // Anything but a violation that was found is a fault of the simulation itself.
      if (status !== 0 && status !== 3) throw new Error(`${patch.name}: ${stderr}`);
      if (status === 3) found++;
      const what = status === 3 ? /^seed .*$/m.exec(stdout)?.[0] : 'SURVIVES';
      const seconds = /([\d.]+) s of processor time/.exec(stdout)?.[1] ?? '?';
      console.log(`${seconds.padStart(5)} s  ${patch.name}: ${what}`);
    }
    console.log(`${found} of ${chosen.length} planted faults found`);
    if (found < chosen.length) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
