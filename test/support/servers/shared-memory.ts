import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Frees the System V segment (56 bytes, but the kernel allows 4096 of them) that PostgreSQL leaves behind when it is
 * killed and not started again. Its lock file, which a clean shutdown deletes, names the segment: "key id".
 */
export async function freeSharedMemory(dataFolder: string): Promise<void> {
  const lockFile = await readFile(join(dataFolder, 'postmaster.pid'), 'utf8').catch(() => '');
  const id = lockFile.split('\n')[6]?.trim().split(/\s+/)[1];
  if (id === undefined) return;
  // Without ipcrm (util-linux) it stays until the machine restarts.
  await promisify(execFile)('ipcrm', ['-m', id]).catch(() => undefined);
}
