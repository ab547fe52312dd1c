import { execFile } from 'node:child_process';
import { cp } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { makeTemporaryFolder, removeTemporaryFolder } from '../servers/temporary-folder.js';

const run = promisify(execFile);

const ROOT = resolve('.');
const BINARIES = join(ROOT, 'node_modules/.bin');
const SOCKET_IO = 'socket.io-client@4.8.4';
const INSTALL = ['install', '--no-audit', '--no-fund', '--omit=dev', '--prefer-offline'];

/** A project of its own, outside this repository, with the examples in it and the client installed from its tarball. */
export class ClientProject {
  private constructor(readonly folder: string) {}

  static async create(): Promise<ClientProject> {
    const folder = await makeTemporaryFolder('client-project-');
    await run('npm', ['run', '--silent', 'build:client']);
    const pack = ['pack', '--silent', '--pack-destination', folder, './clients/typescript'];
    const { stdout } = await run('npm', pack);
    await cp('examples', folder, { recursive: true });
    await cp('test/support/packed-client', join(folder, 'journey'), { recursive: true });
    await run('npm', [...INSTALL, join(folder, stdout.trim()), SOCKET_IO], { cwd: folder });
    return new ClientProject(folder);
  }

  /** Checks the types of a program against those of the installed package, as strictly as there is. */
  async check(file: string): Promise<void> {
    const options = ['--noEmit', '--checkJs', '--strict', '--target', 'es2022', '--lib', 'es2023,dom'];
    await run(join(BINARIES, 'tsc'), [...options, '--module', 'nodenext', file], { cwd: this.folder });
  }

  /** Bundles a page, in `page` of the project, into a folder of its own. */
  async bundle(page: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
    const outDir = join(this.folder, 'bundles', page);
    const options = ['--base', './', '--outDir', outDir, '--logLevel', 'warn'];
    await run(join(BINARIES, 'vite'), ['build', page, ...options], {
      cwd: this.folder,
      env: { ...process.env, ...env },
    });
    return outDir;
  }

  remove(): Promise<void> {
    return removeTemporaryFolder(this.folder);
  }
}
