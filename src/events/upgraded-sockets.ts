import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 20;

/** WebSocket connections: the HTTP server waits for them when it closes, and does not close them. */
export class UpgradedSockets {
  readonly #sockets = new Set<Duplex>();

  constructor(server: Server) {
    server.on('upgrade', (_request, socket: Duplex) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** Returns when all have ended, or after `graceMs`. */
  async ended(graceMs: number): Promise<void> {
    const deadline = performance.now() + graceMs;
    while (this.#sockets.size > 0 && performance.now() < deadline) await sleep(LOOK_MS);
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
