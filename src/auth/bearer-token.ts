import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

interface Seen {
  readonly authorization: string;
  readonly token: string | undefined;
}

/**
 * The bearer tokens of requests. Most requests of a connection bring the same header as the one before: it is compared,
 * and neither taken apart nor, since the token is the same text in memory, hashed anew wherever the token is looked up.
 */
export class BearerTokens {
  readonly #seen = new WeakMap<Socket, Seen>();

  of({
    headers: { authorization },
    socket,
  }: Pick<IncomingMessage, 'headers' | 'socket'>): string | undefined {
    if (authorization === undefined) return undefined;
    let seen = this.#seen.get(socket);
    if (seen?.authorization !== authorization) {
      seen = { authorization, token: bearerToken(authorization) };
      this.#seen.set(socket, seen);
    }
    return seen.token;
  }
}

/** RFC 6750, section 2.1; the scheme in any case (RFC 9110, section 11.1). */
export function bearerToken(authorization: string): string | undefined {
  return /^Bearer +(\S+)$/i.exec(authorization)?.[1];
}
