import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const MAX_ATTEMPTS = 5;

/** Another running process uses the folder. */
export class DirectoryInUse extends Error {
  constructor(directory: string, pid: number) {
    super(
      `DATA_DIR ${directory} is in use by process ${pid}. Stop that process, give this one another DATA_DIR, ` +
        `or set DATABASE_URL to share a PostgreSQL server. If that process is another program, remove ${join(directory, 'lock')}.`,
    );
    this.name = 'DirectoryInUse';
  }
}

/** A file with the holder's process id. The lock of a killed process is taken over. */
export class DirectoryLock {
  private constructor(private readonly path: string) {}

  /** @throws {DirectoryInUse} */
  static async acquire(directory: string): Promise<DirectoryLock> {
    const path = join(directory, 'lock');
    // Written under another name and then linked, so that a lock never appears without its content.
    const draft = `${path}.${process.pid}.${randomUUID()}`;
    await writeFile(draft, String(process.pid), { mode: 0o600, flag: 'wx' });
    try {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        if (await linked(draft, path)) return new DirectoryLock(path);
        await removeIfDead(directory, path);
      }
    } finally {
      await rm(draft, { force: true });
    }
    throw new Error(`The lock file ${path} could not be taken over.`);
  }

  async release(): Promise<void> {
    await rm(this.path, { force: true });
  }
}

/**
 * Moves a dead process's lock out of the way. When several processes do so at once, one may move the lock that another has
 * just taken. It recognises that lock by its content and puts it back.
 */
async function removeIfDead(directory: string, path: string): Promise<void> {
  const holder = await holderOf(path);
  if (holder === null) return;
  // In a container every start may have the same process id, so a lock with our own id is a dead process's.
  if (holder !== process.pid && isAlive(holder)) throw new DirectoryInUse(directory, holder);
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return;
    throw error;
  }
  const moved = await holderOf(aside);
  if (moved !== null && moved !== holder && isAlive(moved)) await linked(aside, path);
  await rm(aside, { force: true });
}

/** False when the name is taken. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/** NaN if the file holds no process id, null if there is no file. */
async function holderOf(path: string): Promise<number | null> {
  try {
    return Number(await readFile(path, 'utf8'));
  } catch (error) {
    if (isCode(error, 'ENOENT')) return null;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isCode(error, 'EPERM');
  }
}

function isCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
