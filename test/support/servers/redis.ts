import { chown, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { redisBinary } from './binaries.js';
import { withFreePort } from './free-port.js';
import { ServerProcess } from './server-process.js';
import { makeTemporaryFolder, removeTemporaryFolder } from './temporary-folder.js';
import { type UserIds, unprivilegedUser } from './unprivileged-user.js';

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 30_000;
const PING_TIMEOUT_MS = 1_000;
const SERVER_DEFAULTS = ['--save', '', '--appendonly', 'no', '--databases', '256'];

export interface RedisOptions {
  /** Arguments of redis-server after the defaults, so they win: `['--maxmemory', '10mb']`. */
  readonly args?: readonly string[];
  /** The configuration of a sentinel, to be one instead of a server. It has a file of its own to write to. */
  readonly sentinel?: string;
}

/** A throwaway Redis on 127.0.0.1: 256 databases, and nothing survives a restart unless `args` say so. */
export class RedisServer {
  constructor(
    private readonly process: ServerProcess,
    private readonly folder: string,
    readonly port: number,
  ) {}

  get pid(): number {
    return this.process.pid;
  }

  /** The server's log, over all starts. */
  get output(): readonly string[] {
    return this.process.output;
  }

  url(database = 0): string {
    return `redis://127.0.0.1:${this.port}/${database}`;
  }

  /** Starts it again after `stop` or `kill`, with the same port and folder. */
  async start(): Promise<void> {
    await this.process.start(async () => answers(this.port, this.pid), START_TIMEOUT_MS);
  }

  async stop(): Promise<void> {
    await this.process.stop('SIGTERM', STOP_TIMEOUT_MS);
  }

  async kill(): Promise<void> {
    await this.process.kill();
  }

  async freeze(): Promise<void> {
    await this.process.freeze();
  }

  thaw(): void {
    this.process.thaw();
  }

  async remove(): Promise<void> {
    await this.stop();
    await removeTemporaryFolder(this.folder);
  }
}

/** The caller removes it; it goes with this process at the latest. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const [command, user] = await Promise.all([redisBinary(), unprivilegedUser()]);
  const folder = await makeTemporaryFolder('test-redis-', user);
  try {
    return await withFreePort(async (port) => {
      const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
      const defaults = options.sentinel === undefined ? SERVER_DEFAULTS : ['--sentinel'];
      const file =
        options.sentinel === undefined ? [] : [await writeConfiguration(folder, options.sentinel, user)];
      const process = new ServerProcess('Redis', {
        command,
        args: [...file, ...place, ...defaults, ...(options.args ?? [])],
        cwd: folder,
        env: { PATH: globalThis.process.env.PATH ?? '', LC_ALL: 'C' },
        user,
      });
      const server = new RedisServer(process, folder, port);
      await server.start();
      return server;
    });
  } catch (error) {
    await removeTemporaryFolder(folder);
    throw error;
  }
}

async function writeConfiguration(folder: string, text: string, owner?: UserIds): Promise<string> {
  const file = join(folder, 'sentinel.conf');
  await writeFile(file, text);
  if (owner) await chown(file, owner.uid, owner.gid);
  return file;
}

/** True when the process `pid` itself answers on this port, for another server may have taken the port before it. */
function answers(port: number, pid: number): Promise<boolean> {
  return new Promise((resolve) => {
    let reply = '';
    const socket = createConnection({ port, host: '127.0.0.1' });
    const settle = (ready: boolean): void => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(PING_TIMEOUT_MS, () => settle(false));
    socket.on('error', () => settle(false));
    socket.on('close', () => settle(false));
    socket.on('connect', () => socket.write('PING\r\nINFO server\r\n'));
    socket.on('data', (chunk) => {
      reply += chunk.toString();
      // A server with a password says no more than that to us.
      if (reply.startsWith('-NOAUTH')) settle(true);
      else if (reply.startsWith('-')) settle(false);
      else if (/process_id:\d+\r/.test(reply)) settle(reply.includes(`process_id:${pid}\r`));
    });
  });
}
