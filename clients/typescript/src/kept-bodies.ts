import type { Send } from './send.js';

interface Kept {
  readonly etag: string;
  readonly status: number;
  readonly headers: Headers;
  readonly body: ArrayBuffer;
}

const MAX_KEPT = 100;
/** A list of a thousand connections has half a megabyte. */
const MAX_BODY_BYTES = 1024 * 1024;

/**
 * Keeps what was read together with its ETag, and asks only whether it has changed: a 304 turns into the kept response.
 * Node has no HTTP cache, and a browser's may be switched off.
 */
export class KeptBodies {
  #kept = new Map<string, Kept>();

  /** Forgets everything: somebody else is signed in. */
  clear(): void {
    // Replaced, so that a running request of the previous user adds nothing to the new one's.
    this.#kept = new Map();
  }

  around(send: Send): Send {
    return async (request) => {
      const { method, headers, url } = request;
      // Whoever sends If-None-Match wants to see the 304.
      if (method !== 'GET' || headers.has('If-None-Match')) return send(request);
      const kept = this.#kept;
      const id = `${url} ${headers.get('Accept') ?? ''}`;
      const known = kept.get(id);
      if (known !== undefined) headers.set('If-None-Match', known.etag);
      const response = await send(request);
      if (response.status === 304 && known !== undefined) {
        keep(kept, id, known);
        return replay(known, response.headers);
      }
      const etag = response.headers.get('ETag');
      if (!response.ok || etag === null) return response;
      const body = await response.clone().arrayBuffer();
      if (body.byteLength <= MAX_BODY_BYTES)
        keep(kept, id, { etag, status: response.status, headers: response.headers, body });
      return response;
    };
  }
}

/** The order of the map is the order of use; what was not used for the longest time goes first. */
function keep(kept: Map<string, Kept>, id: string, one: Kept): void {
  kept.delete(id);
  kept.set(id, one);
  const [oldest] = kept.keys();
  if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
}

/** With the headers of the 304 over the kept ones (RFC 9111, 3.2): its Cache-Status, not the old one. */
function replay({ status, headers, body }: Kept, fresh: Headers): Response {
  const both = new Headers(headers);
  fresh.forEach((value, name) => both.set(name, value));
  return new Response(body, { status, headers: both });
}
