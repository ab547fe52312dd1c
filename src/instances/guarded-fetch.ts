import { UnusableAnswer } from './guarded-http.errors.js';
import type { GuardedHttp } from './guarded-http.js';

interface FetchOptions {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
}

const NO_BODY_STATUSES: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * The guarded client in the shape of `fetch`, as oauth4webapi asks for. `WWW-Authenticate` is left out: the library
 * would look no further, but the error code that decides stands in the body.
 *
 * @throws {OutgoingRequestError} when it is called
 */
export function guardedFetch(http: GuardedHttp) {
  return async (url: string, { method, headers, body }: FetchOptions): Promise<Response> => {
    const { accept: _, 'user-agent': __, ...own } = headers;
    const answer = await http.request(url, {
      method: method === 'POST' ? 'POST' : 'GET',
      headers: own,
      ...(body !== undefined && body !== null && { body: String(body as string | URLSearchParams) }),
    });
    // A Response can have no other, and an instance any that it likes.
    if (answer.status < 200 || answer.status > 599) throw new UnusableAnswer();
    return new Response(NO_BODY_STATUSES.has(answer.status) ? null : withoutNulls(answer.jsonText), {
      status: answer.status,
      headers: { 'Content-Type': answer.jsonText === null ? 'text/html' : 'application/json' },
    });
  };
}

/** Some servers send `"refresh_token": null` for "none", which is not in the standard. */
function withoutNulls(jsonText: string | null): string | null {
  if (jsonText === null || !jsonText.includes('null')) return jsonText;
  try {
    const value: unknown = JSON.parse(jsonText);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return jsonText;
    return JSON.stringify(Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null)));
  } catch {
    return jsonText;
  }
}
