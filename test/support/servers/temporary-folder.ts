import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keep, release } from './reaper.js';
import type { UserIds } from './unprivileged-user.js';

/** A new folder that goes with this process at the latest. */
export async function makeTemporaryFolder(prefix: string, owner?: UserIds): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), prefix));
  keep(folder);
  if (owner) await chown(folder, owner.uid, owner.gid);
  return folder;
}

export async function removeTemporaryFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  release(folder);
}
