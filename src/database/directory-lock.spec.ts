import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DirectoryInUse, DirectoryLock } from './directory-lock.js';

describe('DirectoryLock', () => {
  let directory: string;
  let lockFile: string;
  const processes: ChildProcess[] = [];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'directory-lock-'));
    lockFile = join(directory, 'lock');
  });
  afterEach(async () => {
    for (const child of processes.splice(0)) child.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  });

  /** A process that is alive until it is killed. */
  async function startProcess(): Promise<ChildProcess & { pid: number }> {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore' });
    processes.push(child);
    await once(child, 'spawn');
    return child as ChildProcess & { pid: number };
  }

  it('writes the process id into a file that only its owner may read', async () => {
    await DirectoryLock.acquire(directory);
    expect(await readFile(lockFile, 'utf8')).toBe(String(process.pid));
    expect((await stat(lockFile)).mode & 0o777).toBe(0o600);
  });

  it('refuses a folder that a live process holds, and says what can be done', async () => {
    const { pid } = await startProcess();
    await writeFile(lockFile, String(pid));
    const refusal = await DirectoryLock.acquire(directory).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(DirectoryInUse);
    expect(refusal).toMatchObject({
      message: expect.stringMatching(new RegExp(`${directory} is in use by process ${pid}.*DATABASE_URL`)),
    });
    expect(await readFile(lockFile, 'utf8')).toBe(String(pid));
  });

  it('refuses a folder whose live holder belongs to another user, who may not be signalled', async () => {
    await writeFile(lockFile, '1'); // init: alive everywhere; for root it can be signalled, for others not
    await expect(DirectoryLock.acquire(directory)).rejects.toThrow(DirectoryInUse);
  });

  it('takes over from a process that was killed', async () => {
    const child = await startProcess();
    await writeFile(lockFile, String(child.pid));
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    await DirectoryLock.acquire(directory);
    expect(await readFile(lockFile, 'utf8')).toBe(String(process.pid));
  });

  it('takes over from a dead process of the same id, as restarted containers have it', async () => {
    await writeFile(lockFile, String(process.pid));
    await expect(DirectoryLock.acquire(directory)).resolves.toBeInstanceOf(DirectoryLock);
  });

  it.each(['', 'not a number', '-1', '0', '1.5', '99999999999999999999'])(
    'takes over a file that names no process: %j',
    async (content) => {
      await writeFile(lockFile, content);
      await DirectoryLock.acquire(directory);
      expect(await readFile(lockFile, 'utf8')).toBe(String(process.pid));
    },
  );

  it('leaves nothing behind when it is released, twice too, and can be acquired again', async () => {
    const lock = await DirectoryLock.acquire(directory);
    await lock.release();
    await lock.release();
    expect(await readdir(directory)).toEqual([]);
    await expect(DirectoryLock.acquire(directory)).resolves.toBeInstanceOf(DirectoryLock);
  });

  it('passes on what the file system says when the folder is not there', async () => {
    await expect(DirectoryLock.acquire(join(directory, 'absent'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
