import type { IncomingHttpHeaders } from 'node:http';
import { type GuardedHttp, NOT_A_PAGE } from '../guarded-http.js';

const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * The guarded client as a `fetch`, for a library that wants one. It follows no redirects, whatever the request says, and
 * reads no pages.
 *
 * @throws {OutgoingRequestError} instead of the TypeError of the web's `fetch`.
 */
export function guardedFetch(http: GuardedHttp): typeof globalThis.fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    request.signal.throwIfAborted();
    if (request.method !== 'GET' && request.method !== 'POST')
      throw new TypeError('Only GET and POST are sent.');
    const body = request.method === 'POST' ? await request.text() : undefined;
    const response = await http.request(request.url, {
      method: request.method,
      headers: Object.fromEntries(request.headers),
      types: NOT_A_PAGE,
      ...(body !== undefined && { body }),
    });
    const text = BODILESS.has(response.status) ? null : response.jsonText;
    return new Response(text, { status: response.status, headers: headersOf(response.headers) });
  };
}

function headersOf(incoming: IncomingHttpHeaders): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming)) {
    for (const each of [value ?? []].flat()) headers.append(name, each);
  }
  return headers;
}
