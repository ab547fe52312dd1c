import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Below 32768, where Linux takes the local ports of outgoing connections from. A client that reconnects in a loop
// to a killed server's port in that range can be given the same port as its own and so connects to itself: the
// server then finds its port taken when it starts again.
const LOWEST = 15_000;
const HIGHEST = 32_000;
const ATTEMPTS = 50;
/** Each of Jest's workers has ports of its own, some of which it may keep for later. */
const LANES = 4;
const LANE = Number(process.env.JEST_WORKER_ID ?? 0) % LANES;
const LANE_PORTS = Math.floor((HIGHEST - LOWEST) / LANES);

/** Never given again: the caller may not listen on it yet. */
const given = new Set<number>();

/** A port nobody listens on now. Another process may take it before the caller does: see `withFreePort`. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = LOWEST + LANE * LANE_PORTS + randomInt(LANE_PORTS);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`No free port on 127.0.0.1 in ${ATTEMPTS} attempts`);
}

/** Different ones, for servers that are started later. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

/** Starts something on a free port, and again on another one when that port was taken in between. */
export async function withFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(await freePort());
    } catch (error) {
      if (attempt >= 5 || !isPortTaken(error)) throw error;
    }
  }
}

/** True of a listen error of this process, and of an error that quotes the output of a server that could not bind. */
export function isPortTaken(error: unknown): boolean {
  return (
    error instanceof Error && /EADDRINUSE|address already in use|cannot bind socket/i.test(error.message)
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
