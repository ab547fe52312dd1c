import { chmodSync, mkdirSync, statSync } from 'node:fs';

const OTHERS = 0o077;

/** The message names the folder and says why, in one line. */
export class UnusableDataDir extends Error {
  override readonly name = 'UnusableDataDir';
}

/**
 * Makes the folder DATA_DIR, or takes it from everybody but its owner: mode 0700.
 *
 * @throws {UnusableDataDir} when it cannot be made, or belongs to somebody else.
 */
export function makePrivateFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    // Windows has no such modes.
    if (process.platform !== 'win32' && (statSync(path).mode & OTHERS) !== 0) chmodSync(path, 0o700);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UnusableDataDir(`DATA_DIR ${path} cannot be made private to this program: ${why}`, {
      cause: error,
    });
  }
}
