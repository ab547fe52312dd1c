import { type ExecFileOptions, execFile } from 'node:child_process';
import { chown, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { canInstall, findOnPath, installFromBackports } from './debian-packages.js';
import { withFreePort } from './free-port.js';
import { ServerProcess } from './server-process.js';
import { makeTemporaryFolder, removeTemporaryFolder } from './temporary-folder.js';
import { type UserIds, unprivilegedUser } from './unprivileged-user.js';

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 20_000;

/** A real instance: snac, on loopback over http. */
export class SnacServer {
  private constructor(
    private readonly process: ServerProcess,
    private readonly folder: string,
    private readonly port: number,
    /** By user. */
    readonly passwords: ReadonlyMap<string, string>,
  ) {}

  /** The caller removes it; it goes with this process at the latest. */
  static async start(users: readonly string[]): Promise<SnacServer> {
    const [command, user] = await Promise.all([snacBinary(), unprivilegedUser()]);
    const folder = await makeTemporaryFolder('test-snac-', user);
    try {
      return await withFreePort(async (port) => {
        const data = join(folder, String(port));
        const administration = new Administration(command, data, user);
        await administration.init(port);
        const passwords = new Map<string, string>();
        for (const name of users) passwords.set(name, await administration.addUser(name));
        const process = new ServerProcess('snac', {
          command,
          args: ['httpd', data],
          cwd: folder,
          env: { LC_ALL: 'C' },
          user,
        });
        const server = new SnacServer(process, folder, port, passwords);
        await server.startAgain();
        return server;
      });
    } catch (error) {
      await removeTemporaryFolder(folder);
      throw error;
    }
  }

  get origin(): string {
    return `http://${this.host}`;
  }

  /** `host:port`, as for INSTANCE_HOST_ALLOWLIST. */
  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** What its user does on the page of an authorisation URL. Returns where snac sends the browser back to. */
  async consent(authorizationUrl: string, user: string): Promise<string> {
    const page = await (await fetch(authorizationUrl)).text();
    const hidden = [...page.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)">/g)];
    const form = new URLSearchParams({ login: user, passwd: this.passwords.get(user) ?? '' });
    for (const [, name = '', value = ''] of hidden) form.set(name, value);
    const action = /<form method="post" action="([^"]+)">/.exec(page)?.[1] ?? '';
    const answer = await fetch(action, { method: 'POST', body: form, redirect: 'manual' });
    const location = answer.headers.get('location');
    if (location === null) throw new Error(`snac did not send the browser back: ${await answer.text()}`);
    return location;
  }

  /** As a program with the right password and an app of its own gets one. */
  async issueToken(user: string): Promise<string> {
    const redirect = 'http://127.0.0.1/elsewhere';
    const app = await this.post('/api/v1/apps', { client_name: 'Another', redirect_uris: redirect });
    const query = { client_id: app.client_id ?? '', redirect_uri: redirect, response_type: 'code' };
    const page = `${this.origin}/oauth/authorize?${new URLSearchParams(query).toString()}`;
    const code = new URL(await this.consent(page, user)).searchParams.get('code') ?? '';
    const client = { client_id: app.client_id ?? '', client_secret: app.client_secret ?? '' };
    const fields = { grant_type: 'authorization_code', redirect_uri: redirect, code, ...client };
    return (await this.post('/oauth/token', fields)).access_token ?? '';
  }

  /** As its administrator does: snac reads the file whenever the app is named. */
  async deleteApp(clientId: string): Promise<void> {
    await rm(this.file('app', clientId));
  }

  async revokeToken(token: string): Promise<void> {
    await rm(this.file('token', token));
  }

  async stop(): Promise<void> {
    await this.process.stop('SIGTERM', STOP_TIMEOUT_MS);
  }

  async startAgain(): Promise<void> {
    await this.process.start(() => answers(`${this.origin}/.well-known/nodeinfo`), START_TIMEOUT_MS);
  }

  async remove(): Promise<void> {
    await this.stop();
    await removeTemporaryFolder(this.folder);
  }

  private file(kind: 'app' | 'token', id: string): string {
    return join(this.folder, String(this.port), kind, `${id}.json`);
  }

  private async post(path: string, fields: Record<string, string>): Promise<Record<string, string>> {
    const answer = await fetch(`${this.origin}${path}`, {
      method: 'POST',
      body: new URLSearchParams(fields),
    });
    return (await answer.json()) as Record<string, string>;
  }
}

/** Its commands, which run without the server. */
class Administration {
  readonly #run = promisify(execFile);

  constructor(
    private readonly command: string,
    private readonly data: string,
    private readonly user: UserIds | undefined,
  ) {}

  async init(port: number): Promise<void> {
    const address = '127.0.0.1';
    // Network address, port, host name, prefix and e-mail address.
    await this.answering(['init', this.data], [address, String(port), `${address}:${port}`, '', '']);
    const file = join(this.data, 'server.json');
    const settings = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    await writeFile(file, JSON.stringify({ ...settings, protocol: 'http' }));
    if (this.user) await chown(file, this.user.uid, this.user.gid);
  }

  /** Returns the password. */
  async addUser(name: string): Promise<string> {
    const output = await this.answering(['adduser', this.data, name], ['']);
    const password = /^User password is (\S+)$/m.exec(output)?.[1];
    if (password === undefined) throw new Error(`snac adduser prints no password:\n${output}`);
    return password;
  }

  private async answering(args: readonly string[], answers: readonly string[]): Promise<string> {
    const options: ExecFileOptions = { env: { LC_ALL: 'C' }, timeout: START_TIMEOUT_MS, ...this.user };
    const running = this.#run(this.command, args, options);
    running.child.stdin?.end(answers.map((line) => `${line}\n`).join(''));
    const { stdout, stderr } = await running;
    return `${String(stdout)}${String(stderr)}`;
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

async function snacBinary(): Promise<string> {
  if (findOnPath('snac') === undefined && canInstall()) await installFromBackports(['snac2']);
  const found = findOnPath('snac');
  if (found === undefined)
    throw new Error(
      'The tests need snac. Install it (Debian 12: apt-get install -t bookworm-backports snac2).',
    );
  return found;
}
