import { execFile } from 'node:child_process';
import { chown, realpath, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { type PostgresBinaries, postgresBinaries } from './binaries.js';
import { withFreePort } from './free-port.js';
import { ServerProcess } from './server-process.js';
import { freeSharedMemory } from './shared-memory.js';
import { makeTemporaryFolder, removeTemporaryFolder } from './temporary-folder.js';
import { type UserIds, unprivilegedUser } from './unprivileged-user.js';

const run = promisify(execFile);

const INITDB_TIMEOUT_MS = 60_000;
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 60_000;

// English messages: the search for "address already in use" in the output counts on it.
const ENVIRONMENT = { PATH: process.env.PATH ?? '', LC_ALL: 'C' };

export interface PostgresOptions {
  /** Server settings by name; they win over the defaults, such as fsync=off and max_connections=300. */
  readonly settings?: Readonly<Record<string, string>>;
  /** In its data folder, by name, such as pg_hba.conf: they replace what initdb made. */
  readonly files?: Readonly<Record<string, string>>;
  /** It follows this server, which it is a copy of. */
  readonly replicaOf?: PostgresServer;
}

/** A throwaway PostgreSQL on 127.0.0.1; its superuser `postgres` needs no password. */
export class PostgresServer {
  constructor(
    private readonly process: ServerProcess,
    private readonly folder: string,
    readonly port: number,
    private readonly user: UserIds | undefined,
  ) {}

  get pid(): number {
    return this.process.pid;
  }

  /** The server's log, over all starts. */
  get output(): readonly string[] {
    return this.process.output;
  }

  url(database = 'postgres'): string {
    return `postgres://postgres@127.0.0.1:${this.port}/${encodeURIComponent(database)}`;
  }

  /** Starts it again after `stop` or `kill`, with the same port and data. */
  async start(): Promise<void> {
    await this.process.start(() => this.answers(), START_TIMEOUT_MS);
  }

  /** Fast shutdown: open transactions are rolled back, clients disconnected. */
  async stop(): Promise<void> {
    await this.process.stop('SIGINT', STOP_TIMEOUT_MS);
  }

  /** As a crash: SIGKILL to the postmaster and all backends. */
  async kill(): Promise<void> {
    await this.process.kill();
  }

  /** A replica becomes a primary. */
  async promote(): Promise<void> {
    const { pgCtl } = await postgresBinaries();
    const args = ['promote', '-w', '-D', dataFolder(this.folder)];
    await run(pgCtl, args, { cwd: this.folder, env: ENVIRONMENT, timeout: START_TIMEOUT_MS, ...this.user });
  }

  async freeze(): Promise<void> {
    await this.process.freeze();
  }

  thaw(): void {
    this.process.thaw();
  }

  async remove(): Promise<void> {
    await this.stop();
    await freeSharedMemory(dataFolder(this.folder));
    await removeTemporaryFolder(this.folder);
  }

  private async answers(): Promise<boolean> {
    const client = new pg.Client({
      connectionString: this.url(),
      connectionTimeoutMillis: 2_000,
      query_timeout: 2_000,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
      // Another test run's server may have taken the port just before ours fails to bind it.
      return rows[0]?.data_directory === dataFolder(this.folder);
    } catch {
      return false;
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

/** Creates a cluster and starts it: about a second. The caller removes it; it goes with this process at the latest. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const [binaries, user] = await Promise.all([postgresBinaries(), unprivilegedUser()]);
  const folder = await realpath(await makeTemporaryFolder('test-postgres-', user));
  try {
    if (options.replicaOf) await copyCluster(binaries, folder, options.replicaOf.url(), user);
    else await createCluster(binaries, folder, user);
    await writeFiles(dataFolder(folder), options.files ?? {}, user);
    return await withFreePort(async (port) => {
      const settings = { ...defaultSettings(binaries), ...options.settings, port: String(port) };
      const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
      const process = new ServerProcess('PostgreSQL', {
        command: binaries.postgres,
        args: ['-D', dataFolder(folder), ...args],
        cwd: folder,
        env: ENVIRONMENT,
        user,
      });
      const server = new PostgresServer(process, folder, port, user);
      await server.start();
      return server;
    });
  } catch (error) {
    await removeTemporaryFolder(folder);
    throw error;
  }
}

async function writeFiles(
  folder: string,
  files: Readonly<Record<string, string>>,
  user?: UserIds,
): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    // PostgreSQL refuses a key that others may read.
    await writeFile(path, text, { mode: 0o600 });
    if (user) await chown(path, user.uid, user.gid);
  }
}

function dataFolder(folder: string): string {
  return join(folder, 'data');
}

function defaultSettings(binaries: PostgresBinaries): Record<string, string> {
  return {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    // Only a crash of the machine needs fsync: what a killed process has written is in the kernel's cache.
    // full_page_writes stays on, for SIGKILL can tear a page that is being written.
    fsync: 'off',
    max_connections: '300',
    // Statistics of new tables are guesses: PostgreSQL would compile queries of a millisecond for half a second.
    jit: 'off',
    // Inside the data folder, so that nothing stays behind in /dev/shm after SIGKILL.
    dynamic_shared_memory_type: 'mmap',
    // With fewer, the statements of a hundred databases push each other out, and what a test counts is not there.
    ...(binaries.preload && {
      shared_preload_libraries: binaries.preload,
      'pg_stat_statements.max': '50000',
    }),
  };
}

async function copyCluster(
  binaries: PostgresBinaries,
  folder: string,
  source: string,
  user?: UserIds,
): Promise<void> {
  const args = ['-d', source, '-D', dataFolder(folder), '-R', '-X', 'stream', '-c', 'fast', '--no-sync'];
  const program = join(dirname(binaries.initdb), 'pg_basebackup');
  await run(program, args, { cwd: folder, env: ENVIRONMENT, timeout: INITDB_TIMEOUT_MS, ...user });
}

async function createCluster(binaries: PostgresBinaries, folder: string, user?: UserIds): Promise<void> {
  const initdb = async (locale: string): Promise<void> => {
    const args = ['-D', dataFolder(folder), '-U', 'postgres', '--auth=trust', '--no-sync', '-E', 'UTF8'];
    const options = { cwd: folder, env: ENVIRONMENT, timeout: INITDB_TIMEOUT_MS, ...user };
    await run(binaries.initdb, [...args, `--locale=${locale}`], options);
  };
  try {
    await initdb('C.UTF-8');
  } catch (error) {
    // macOS and old systems have no C.UTF-8. initdb has removed the folder that it could not fill.
    if (!/invalid locale/i.test(String(error))) throw error;
    await initdb('C');
  }
}
