import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./reaper-process.mjs', import.meta.url));

// A handler in this process cannot clean up after SIGKILL, nor after Jest ends a stuck worker. So a process of its
// own holds the list and waits for our end of its pipe to close, which the kernel does however we end. It lives only
// while there is something to clean up: Jest loads this module anew for each test file.
const kept = new Set<string>();
let reaper: ChildProcess | undefined;

/** Ends the process (an id), or deletes the folder (a path), when this process is gone, unless released before. */
export function keep(item: number | string): void {
  kept.add(String(item));
  reaper ??= spawnReaper();
  reaper.stdin?.write(`+${item}\n`);
}

export function release(item: number | string): void {
  if (!kept.delete(String(item))) return;
  reaper?.stdin?.write(`-${item}\n`);
  if (kept.size > 0 || reaper === undefined) return;
  // Held until it has ended: a Node that ends with a write still under way waits for it for ever, at full speed.
  reaper.ref();
  (reaper.stdin as Socket).ref();
  reaper.stdin?.end();
  reaper = undefined;
}

function spawnReaper(): ChildProcess {
  // Detached, so in a session of its own: Ctrl-C in the terminal must not end it together with us.
  const child = spawn(process.execPath, [PROGRAM], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
    env: { PATH: process.env.PATH ?? '' },
  });
  child.on('error', (error) => process.emitWarning(`No clean-up after a crash: ${error.message}`));
  child.stdin.on('error', () => undefined);
  child.unref();
  (child.stdin as Socket).unref();
  return child;
}
