import { chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { canInstall, findOnPath, install, isExecutable } from './debian-packages.js';
import { withFreePort } from './free-port.js';
import { ServerProcess } from './server-process.js';
import { makeTemporaryFolder, removeTemporaryFolder } from './temporary-folder.js';
import { unprivilegedUser } from './unprivileged-user.js';

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 30_000;
/** Not on everybody's PATH. */
const DEBIAN_PGBOUNCER = '/usr/sbin/pgbouncer';

export interface PgBouncerOptions {
  /** The PostgreSQL behind it, on this host. */
  readonly port: number;
  readonly mode?: 'transaction' | 'session';
  /** Roles that may come, without a password. */
  readonly users?: readonly string[];
  /** Sessions for each database and role. Fewer than one process opens connections, so that they are shared. */
  readonly poolSize?: number;
}

/** PgBouncer with what it does unless it is told otherwise: it knows no start-up parameter but its own five. */
export class PgBouncer {
  private constructor(
    private readonly process: ServerProcess,
    private readonly folder: string,
    readonly port: number,
  ) {}

  /** The caller removes it; it goes with this process at the latest. */
  static async start(options: PgBouncerOptions): Promise<PgBouncer> {
    const [command, user] = await Promise.all([pgBouncerBinary(), unprivilegedUser()]);
    const folder = await makeTemporaryFolder('test-pgbouncer-', user);
    const write = async (name: string, text: string): Promise<string> => {
      const path = join(folder, name);
      await writeFile(path, text);
      if (user) await chown(path, user.uid, user.gid);
      return path;
    };
    try {
      const names = ['postgres', ...(options.users ?? [])];
      const users = await write('users.txt', names.map((name) => `"${name}" ""\n`).join(''));
      return await withFreePort(async (port) => {
        const file = await write('pgbouncer.ini', configuration(options, port, users));
        const process = new ServerProcess('PgBouncer', {
          command,
          args: [file],
          cwd: folder,
          env: { PATH: globalThis.process.env.PATH ?? '', LC_ALL: 'C' },
          user,
        });
        await process.start(() => answers(port), START_TIMEOUT_MS);
        return new PgBouncer(process, folder, port);
      });
    } catch (error) {
      await removeTemporaryFolder(folder);
      throw error;
    }
  }

  /** The same database by way of this pooler. */
  through(databaseUrl: string): string {
    const url = new URL(databaseUrl);
    url.port = String(this.port);
    return url.href;
  }

  async remove(): Promise<void> {
    await this.process.stop('SIGTERM', STOP_TIMEOUT_MS);
    await removeTemporaryFolder(this.folder);
  }
}

const configuration = (
  { port: serverPort, mode = 'transaction', poolSize = 4 }: PgBouncerOptions,
  port: number,
  users: string,
): string => `
[databases]
* = host=127.0.0.1 port=${serverPort}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
admin_users = postgres
pool_mode = ${mode}
default_pool_size = ${poolSize}
max_client_conn = 500
`;

/** In its own console, so that nothing is asked of PostgreSQL. */
async function answers(port: number): Promise<boolean> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'pgbouncer' });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function pgBouncerBinary(): Promise<string> {
  const find = () =>
    findOnPath('pgbouncer') ?? (isExecutable(DEBIAN_PGBOUNCER) ? DEBIAN_PGBOUNCER : undefined);
  if (find() === undefined && canInstall()) await install(['pgbouncer']);
  const found = find();
  if (found === undefined)
    throw new Error('The tests need PgBouncer. Install it (Debian: apt-get install pgbouncer).');
  return found;
}
