import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { makeTemporaryFolder, removeTemporaryFolder } from './temporary-folder.js';

const run = promisify(execFile);

const POLICY_FILE = '/usr/sbin/policy-rc.d';
const DEBIAN_KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg';
const SOURCES_FILE = '/etc/apt/sources.list';
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
  await installing(packages, async () => {
    await aptGet('update');
    await aptGet('install', '-y', '--no-install-recommends', ...packages);
  });
}

/** From Debian's backports, at the mirror that this machine uses. Its own sources stay as they are. */
export async function installFromBackports(packages: readonly string[]): Promise<void> {
  await installing(packages, async () => {
    const { mirror, suite } = await backports();
    const folder = await makeTemporaryFolder('test-apt-');
    try {
      const sources = join(folder, 'sources.list');
      const own = existsSync(SOURCES_FILE) ? await readFile(SOURCES_FILE, 'utf8') : '';
      await writeFile(sources, `${own}\ndeb [signed-by=${DEBIAN_KEYS}] ${mirror} ${suite} main\n`);
      const option = `Dir::Etc::sourcelist=${sources}`;
      await aptGet('-o', option, 'update');
      await aptGet('-o', option, 'install', '-y', '--no-install-recommends', '-t', suite, ...packages);
    } finally {
      await removeTemporaryFolder(folder);
    }
  });
}

async function backports(): Promise<{ readonly mirror: string; readonly suite: string }> {
  const format = '$(ORIGIN) $(SUITE) $(CODENAME) $(REPO_URI)';
  const { stdout } = await run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  // Of a release's suites, only the main one has a code name without a suffix.
  const [, codename, mirror] = /^Debian \S+ ([a-z]+) (\S+)$/m.exec(stdout) ?? [];
  if (codename === undefined || mirror === undefined) throw new Error('apt-get names no mirror of Debian.');
  return { mirror, suite: `${codename}-backports` };
}

async function installing(packages: readonly string[], work: () => Promise<void>): Promise<void> {
  // Some packages start system services when installed. A policy-rc.d that answers 101 forbids it; one that is
  // there already (containers have it) is the machine's own and stays.
  const ownPolicy = !existsSync(POLICY_FILE);
  if (ownPolicy) await writeFile(POLICY_FILE, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await work();
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
