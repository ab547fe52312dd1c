import { UnusableResponse } from './guarded-http.errors.js';
import type { GuardedHttp } from './guarded-http.js';

interface FetchOptions {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
}

const NO_BODY_STATUSES: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * The guarded client in the shape of `fetch`, which oauth4webapi requires. It omits `WWW-Authenticate`: with that header
 * the library ignores the body, which holds the error code.
 *
 * The returned function throws OutgoingRequestError.
 */
export function guardedFetch(http: GuardedHttp) {
  return async (url: string, { method, headers, body }: FetchOptions): Promise<Response> => {
    const { accept: _, 'user-agent': __, ...own } = headers;
    const response = await http.request(url, {
      method: method === 'POST' ? 'POST' : 'GET',
      headers: own,
      ...(body !== undefined && body !== null && { body: String(body as string | URLSearchParams) }),
    });
    // An instance may send any status, but the constructor of Response throws outside this range.
    if (response.status < 200 || response.status > 599) throw new UnusableResponse();
    return new Response(NO_BODY_STATUSES.has(response.status) ? null : withoutNulls(response.jsonText), {
      status: response.status,
      headers: { 'Content-Type': response.jsonText === null ? 'text/html' : 'application/json' },
    });
  };
}

/** Some servers send `"refresh_token": null` instead of omitting the field, which RFC 6749 does not allow. */
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
