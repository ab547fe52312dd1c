import { chmodSync, mkdirSync, statSync } from 'node:fs';

const OTHERS = 0o077;

/**
 * Makes the folder, or takes it from everybody but its owner: mode 0700.
 *
 * @throws when it cannot be made, or belongs to somebody else.
 */
export function makePrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  // Windows has no such modes.
  if (process.platform !== 'win32' && (statSync(path).mode & OTHERS) !== 0) chmodSync(path, 0o700);
}
