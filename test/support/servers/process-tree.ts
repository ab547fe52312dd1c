import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { waitUntil } from '../barrier.js';

interface ProcessRow {
  readonly pid: number;
  readonly parent: number;
  /** As ps shows it: R, S, D, T (stopped), Z (dead, not yet collected by its parent). */
  readonly state: string;
}

/** Stops the process and all its descendants, and returns when the kernel has stopped every one. */
export async function freezeTree(root: number): Promise<void> {
  const tree = stopTree(root);
  const asleep = (): boolean => rowsOf(tree).every(({ state }) => /^[TZX]/.test(state));
  await waitUntil(asleep, { timeoutMs: 15_000, what: `process ${root} and its children to stop` });
}

export function thawTree(root: number): void {
  // The root last, so that it does not find its children silent.
  for (const pid of treeOf(root).reverse()) signal(pid, 'SIGCONT');
}

/** SIGKILL to the process and all its descendants; returns when none of them runs any more. */
export async function killTree(root: number): Promise<void> {
  // Stopped first, or PostgreSQL's postmaster could start new children while we kill the old.
  const tree = stopTree(root);
  for (const pid of tree) signal(pid, 'SIGKILL');
  await gone(tree);
}

function stopTree(root: number): number[] {
  const stopped = new Set<number>();
  // A child may be born while we walk; it is found on the next round, and its stopped parent makes no more.
  for (let round = 0; round < 10; round += 1) {
    const fresh = treeOf(root).filter((pid) => !stopped.has(pid));
    if (fresh.length === 0) break;
    for (const pid of fresh) {
      signal(pid, 'SIGSTOP');
      stopped.add(pid);
    }
  }
  return [...stopped];
}

/** Those that run. */
export function childrenOf(parent: number): number[] {
  return running(processTable().filter((row) => row.parent === parent));
}

/** Returns when none of them runs any more, whoever their parent is by then. */
export async function gone(pids: readonly number[]): Promise<void> {
  const none = (): boolean => running(rowsOf(pids)).length === 0;
  await waitUntil(none, { timeoutMs: 30_000, what: `processes ${pids.join()} to be gone` });
}

function running(rows: readonly ProcessRow[]): number[] {
  // A zombie counts as gone: where process 1 collects no orphans (some containers), it stays for ever.
  return rows.filter(({ state }) => !/^[ZX]/.test(state)).map(({ pid }) => pid);
}

/** The process and its descendants, parents before children. */
function treeOf(root: number): number[] {
  const rows = processTable();
  const tree = rows.filter(({ pid }) => pid === root).map(({ pid }) => pid);
  for (const parent of tree) {
    for (const row of rows) if (row.parent === parent) tree.push(row.pid);
  }
  return tree;
}

function rowsOf(pids: readonly number[]): ProcessRow[] {
  return processTable().filter(({ pid }) => pids.includes(pid));
}

function processTable(): ProcessRow[] {
  // Debian's slim images have no ps, macOS has no /proc.
  return process.platform === 'linux' ? readProc() : readPs();
}

function readProc(): ProcessRow[] {
  const rows: ProcessRow[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The second field, the program's name in parentheses, may itself hold spaces and parentheses.
      const [state = '', parent = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      rows.push({ pid, parent: Number(parent), state });
    } catch {
      continue; // it ended between readdir and read
    }
  }
  return rows;
}

function readPs(): ProcessRow[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,state='], { encoding: 'utf8' })
    .trim()
    .split('\n');
  return lines.map((line) => {
    const [pid = '', parent = '', state = ''] = line.trim().split(/\s+/);
    return { pid: Number(pid), parent: Number(parent), state };
  });
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
