import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { freezeTree, thawTree } from './process-tree.js';

/** Connections wait to be accepted; beyond the backlog the kernel answers none. */
const MAX_WAITING = 20;
const NO_ANSWER_MS = 200;
const PROGRAM = `
  const server = require('node:http').createServer((request, response) => response.end('heard'));
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(server.address().port));`;

/** A port of 127.0.0.1 of which nothing comes back, not even a refusal: as of a machine that has gone, or is far away. */
export class DeafServer {
  private constructor(
    private readonly child: ChildProcess,
    private readonly sockets: readonly Socket[],
    readonly port: number,
  ) {}

  static async start(): Promise<DeafServer> {
    const child = spawn(process.execPath, ['-e', PROGRAM], { stdio: ['ignore', 'pipe', 'ignore'] });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const port = Number(String(line));
    await freezeTree(child.pid ?? 0);
    const sockets: Socket[] = [];
    for (let taken = true; taken;) {
      if (sockets.length === MAX_WAITING) throw new Error('The server takes any number of connections');
      const socket = connect({ port, host: '127.0.0.1' }).on('error', () => undefined);
      sockets.push(socket);
      const connected = once(socket, 'connect').then(() => true);
      taken = await Promise.race([connected, sleep(NO_ANSWER_MS, false)]);
    }
    return new DeafServer(child, sockets, port);
  }

  /** It answers from now on, also who has been trying to connect. */
  hear(): void {
    for (const socket of this.sockets) socket.destroy();
    thawTree(this.child.pid ?? 0);
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.child.kill('SIGKILL');
  }
}
