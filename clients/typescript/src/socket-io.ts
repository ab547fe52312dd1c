import type { ManagerOptions, Socket, SocketOptions } from 'socket.io-client';
import type { PlatformManager } from './client.js';
import { type EventMessage, messageOf } from './events.js';
import { Problem } from './problem.js';
import { jittered, pause } from './send.js';

/** `io` of socket.io-client. */
type Io = (url: string, options: Partial<ManagerOptions & SocketOptions>) => Socket;

export interface SocketEventOptions {
  /** Where to go on: `lastEventId` of the last message of an earlier connection. */
  readonly lastEventId?: number | undefined;
  readonly onMessage: (message: EventMessage) => void;
  /** Another attempt would end the same: signed out, or forbidden. */
  readonly onEnd: (reason: Problem) => void;
}

/** What `connect_error` carries if the server refused the client. */
interface Refusal {
  readonly code: string;
  readonly retryAfterSeconds?: number;
}

const UNAUTHENTICATED = 'unauthenticated';
const BACK_OFF_MS = { first: 1000, most: 30_000 };

/** As `events()`, over Socket.IO. Returns a function that ends the connection. */
export function socketEvents(
  io: Io,
  client: PlatformManager,
  { lastEventId, onMessage, onEnd }: SocketEventOptions,
): () => void {
  const stop = new AbortController();
  let position = lastEventId;
  let used: string | undefined;
  let failures = 0;
  const { origin, pathname } = addressOf(client.baseUrl);
  const socket = io(`${origin}/events`, {
    // Several processes without sticky sessions cannot serve long polling.
    transports: ['websocket'],
    path: `${pathname.replace(/\/$/, '')}/socket.io/`,
    forceNew: true,
    auth: (send) => {
      const connect = (token: string | null): void => {
        used = token ?? undefined;
        send({ token: used, lastEventId: position });
      };
      // Without a token the server refuses, and comeBack() finds out why there is none.
      client.accessToken().then(connect, () => connect(null));
    },
  });

  for (const type of ['platform', 'ready', 'position', 'reset']) {
    socket.on(type, (data: { readonly lastEventId?: number }) => {
      const message = messageOf(type, data, position);
      if (message === null) return;
      position = message.lastEventId;
      if (type === 'ready') failures = 0;
      onMessage(message);
    });
  }
  socket.on('disconnect', (reason) => {
    if (stop.signal.aborted) return;
    onMessage({ type: 'interrupted', lastEventId: position, cause: reason });
    // A lost connection comes back by itself. One that the server ended does not: most likely the token expired.
    if (reason === 'io server disconnect') void renew(false);
  });
  socket.on('connect_error', (error: Error & { readonly data?: Refusal }) => {
    if (!socket.active) void comeBack(error.data ?? { code: 'unexplained' });
  });

  async function comeBack({ code, retryAfterSeconds }: Refusal): Promise<void> {
    if (code === UNAUTHENTICATED) return renew(true);
    if (retryAfterSeconds === undefined)
      return end(new Problem(403, { code, detail: `The server refuses events: ${code}` }));
    await pause(retryAfterSeconds * 1000, stop.signal);
    if (!stop.signal.aborted) socket.connect();
  }

  /** @param isRefused whether the server has refused the token, so that only another one can help. */
  async function renew(isRefused: boolean): Promise<void> {
    if (failures > 0)
      await pause(jittered(Math.min(BACK_OFF_MS.first * 2 ** failures, BACK_OFF_MS.most)), stop.signal);
    failures += 1;
    if (stop.signal.aborted) return;
    try {
      const token = await client.accessToken(used);
      if (token === null || (isRefused && token === used))
        return end(
          new Problem(401, { code: UNAUTHENTICATED, detail: 'The token has expired or was revoked.' }),
        );
    } catch (error) {
      if (error instanceof Problem && error.status < 500 && error.status !== 429) return end(error);
      // The server cannot renew the token now.
      return renew(isRefused);
    }
    if (!stop.signal.aborted) socket.connect();
  }

  function end(reason: Problem): void {
    stop.abort();
    socket.disconnect();
    onEnd(reason);
  }

  return () => {
    stop.abort();
    socket.disconnect();
  };
}

/** In a page, an address may be relative to it. */
function addressOf(baseUrl: string): URL {
  const { location } = globalThis as { readonly location?: { readonly href: string } };
  return new URL(baseUrl || '/', location?.href);
}
