import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const POLICY_FILE = '/usr/sbin/policy-rc.d';
const INSTALL_TIMEOUT_MS = 300_000;

export function pathFolders(): string[] {
  return (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
}

export function findOnPath(name: string): string | undefined {
  return pathFolders()
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export function canInstall(): boolean {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
}

export async function install(packages: readonly string[]): Promise<void> {
  // Some packages start system services when installed. A policy-rc.d that answers 101 forbids it; one that is
  // there already (containers have it) is the machine's own and stays.
  const ownPolicy = !existsSync(POLICY_FILE);
  if (ownPolicy) await writeFile(POLICY_FILE, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await aptGet('update');
    await aptGet('install', '-y', '--no-install-recommends', ...packages);
  } catch (cause) {
    const names = packages.join(' ');
    throw new Error(`The tests need ${names}, and apt-get failed. Install them by hand.`, { cause });
  } finally {
    if (ownPolicy) await rm(POLICY_FILE, { force: true });
  }
}

async function aptGet(...args: string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  // Waits for another apt-get, of a second test run for one, instead of failing on its lock.
  const command = ['-o', 'DPkg::Lock::Timeout=120', ...args];
  await run('apt-get', command, { env, timeout: INSTALL_TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 });
}
