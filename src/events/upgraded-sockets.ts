import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 20;

/** Tracks WebSocket connections: when the HTTP server closes, it waits for them but does not close them. */
export class UpgradedSockets {
  readonly #sockets = new Set<Duplex>();

  constructor(server: Server) {
    server.on('upgrade', (_request, socket: Duplex) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** Resolves when all connections have ended, or after `graceMs`. */
  async ended(graceMs: number): Promise<void> {
    const deadline = performance.now() + graceMs;
    while (this.#sockets.size > 0 && performance.now() < deadline) await sleep(POLL_MS);
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
