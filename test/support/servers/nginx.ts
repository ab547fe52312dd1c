import { chown, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canInstall, findOnPath, install, isExecutable } from './debian-packages.js';
import { withFreePort } from './free-port.js';
import { ServerProcess } from './server-process.js';
import { makeTemporaryFolder, removeTemporaryFolder } from './temporary-folder.js';
import { unprivilegedUser } from './unprivileged-user.js';

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 30_000;
/** Not on everybody's PATH. */
const DEBIAN_NGINX = '/usr/sbin/nginx';
const BODIES = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

/** nginx with deploy/nginx.conf, but for what only Docker has: its name server, and the service name of the processes. */
export class Nginx {
  private constructor(
    private readonly process: ServerProcess,
    private readonly folder: string,
    readonly port: number,
  ) {}

  /** In front of processes on these ports of loopback. The caller removes it; it goes with this process at the latest. */
  static async start(ports: readonly number[]): Promise<Nginx> {
    const [command, user] = await Promise.all([nginxBinary(), unprivilegedUser()]);
    const folder = await makeTemporaryFolder('test-nginx-', user);
    try {
      return await withFreePort(async (port) => {
        const file = join(folder, 'nginx.conf');
        await writeFile(
          file,
          configuration(await readFile('deploy/nginx.conf', 'utf8'), folder, port, ports),
        );
        if (user) await chown(file, user.uid, user.gid);
        const globals = `daemon off; pid ${folder}/nginx.pid; error_log stderr notice;`;
        const process = new ServerProcess('nginx', {
          command,
          args: ['-p', folder, '-c', file, '-e', 'stderr', '-g', globals],
          cwd: folder,
          env: { PATH: globalThis.process.env.PATH ?? '', LC_ALL: 'C' },
          user,
        });
        const nginx = new Nginx(process, folder, port);
        await process.start(() => nginx.answers(), START_TIMEOUT_MS);
        return nginx;
      });
    } catch (error) {
      await removeTemporaryFolder(folder);
      throw error;
    }
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  accessLog(): Promise<string> {
    return readFile(join(this.folder, 'access.log'), 'utf8');
  }

  async close(): Promise<void> {
    await this.process.stop('SIGTERM', STOP_TIMEOUT_MS);
    await removeTemporaryFolder(this.folder);
  }

  /** That it is this nginx and no other is known by its file of the process id, which it writes when it listens. */
  private async answers(): Promise<boolean> {
    try {
      const pid = await readFile(join(this.folder, 'nginx.pid'), 'utf8');
      const { status } = await fetch(`${this.baseUrl}/metrics`, { signal: AbortSignal.timeout(1000) });
      return Number(pid) === this.process.pid && status === 404;
    } catch {
      return false;
    }
  }
}

function configuration(deployed: string, folder: string, port: number, ports: readonly number[]): string {
  const own = BODIES.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ');
  const changes: readonly [RegExp, string][] = [
    [/resolver [^;]+;/g, own],
    [/access_log \/var\/log\/nginx\/access\.log/g, `access_log ${folder}/access.log`],
    [/server api:3000 resolve ([^;]+);/g, ports.map((one) => `server 127.0.0.1:${one} $1;`).join('\n    ')],
    [/listen 8080;/g, `listen 127.0.0.1:${port};`],
  ];
  return changes.reduce((text, [from, to]) => {
    if (!from.test(text)) throw new Error(`deploy/nginx.conf has no ${from.source}`);
    return text.replace(from, to);
  }, deployed);
}

async function nginxBinary(): Promise<string> {
  const find = () => findOnPath('nginx') ?? (isExecutable(DEBIAN_NGINX) ? DEBIAN_NGINX : undefined);
  if (find() === undefined && canInstall()) await install(['nginx-light']);
  const found = find();
  if (found === undefined)
    throw new Error('The tests need nginx. Install it (Debian: apt-get install nginx-light).');
  return found;
}
