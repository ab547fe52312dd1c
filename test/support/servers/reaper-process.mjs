// Runs by itself, under plain node (see reaper.ts), so it is JavaScript and imports nothing of ours.
// Standard input: "+item" and "-item" lines; an item is a process id or a folder. End of input: clean up, exit.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const GRACE_MS = 3_000;
const items = new Set();

for await (const line of createInterface({ input: process.stdin })) {
  if (line.startsWith('+')) items.add(line.slice(1));
  else items.delete(line.slice(1));
}

const pids = [...items].filter((item) => /^\d+$/.test(item)).map(Number);
const folders = [...items].filter((item) => item.startsWith('/'));

// PostgreSQL's backends lead process groups of their own, so the tree is found by parent, and before its root dies.
const tree = withDescendants(pids);
for (const pid of tree) signal(pid, 'SIGCONT');
// A fast shutdown for PostgreSQL, which frees its shared memory segment; an ordinary end for Redis and Node.
for (const pid of pids) signal(pid, 'SIGINT');
const deadline = Date.now() + GRACE_MS;
while (pids.some((pid) => signal(pid, 0)) && Date.now() < deadline) await sleep(50);
for (const pid of withDescendants(tree)) signal(pid, 'SIGKILL');
for (const folder of folders)
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });

/** @param {number} pid @param {NodeJS.Signals | 0} name */
function signal(pid, name) {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

/** @param {number[]} roots */
function withDescendants(roots) {
  const found = new Set(roots);
  const parents = parentsByPid();
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

/** @returns {[number, number][]} */
function parentsByPid() {
  if (process.platform !== 'linux') {
    const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
    return rows.map((row) => /** @type {[number, number]} */ (row.trim().split(/\s+/).map(Number)));
  }
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const stat = readFileSync(`/proc/${Number(pid)}/stat`, 'utf8');
      return [[Number(pid), Number(stat.slice(stat.lastIndexOf(')') + 4).split(' ')[0])]];
    } catch {
      return [];
    }
  });
}
