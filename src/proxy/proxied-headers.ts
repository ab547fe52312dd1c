import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { InstanceFailed } from './proxy.errors.js';

// Lists of what is passed on, not of what is not: a header that nobody here has heard of may hold a credential, and one of
// an answer may tell a browser or a server in front of us what to do (Set-Cookie, Clear-Site-Data, X-Accel-Redirect).
const OF_REQUEST: ReadonlySet<string> = new Set([
  'accept',
  'accept-language',
  'content-language',
  'idempotency-key',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-unmodified-since',
  'last-event-id',
  'prefer',
]);

const OF_ANSWER: ReadonlySet<string> = new Set([
  'allow',
  'content-disposition',
  'content-language',
  'content-length',
  'content-type',
  'deprecation',
  'etag',
  'last-modified',
  'link',
  'mastodon-async-refresh',
  'preference-applied',
  'retry-after',
  'sunset',
  'x-total-count',
]);
const RATE_LIMIT = /^(?:x-)?rate-?limit(?:-[a-z-]{1,40})?$/;

export const VIA = '1.1 platform-manager';

/** Whether this server, or one like it, has sent the request: a connection may be to ourselves. */
export function isLoop({ via }: IncomingHttpHeaders): boolean {
  return via !== undefined && via.includes('platform-manager');
}

/** What the instance gets to see of the caller's headers. The type and the length of the body are not among them. */
export function requestHeaders(given: IncomingHttpHeaders): Record<string, string> {
  // RFC 9110, section 7.6.1: what Connection names is for this hop only.
  const named = (given.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  const headers: Record<string, string> = { via: VIA };
  for (const [name, value] of Object.entries(given)) {
    if (OF_REQUEST.has(name) && !named.includes(name) && typeof value === 'string') headers[name] = value;
  }
  return headers;
}

/**
 * What the caller gets to see of the instance's headers, lower-case.
 *
 * @param prefix of our own paths to this instance, such as `/v1/platforms/42/proxy`.
 */
export function answerHeaders(incoming: IncomingMessage, from: URL, prefix: string): Map<string, string> {
  const { headers } = incoming;
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  const passed = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    if (!(OF_ANSWER.has(name) || RATE_LIMIT.test(name)) || named.includes(name) || value === undefined)
      continue;
    passed.set(name, String(value));
  }
  const location = ownLocation(headers.location, from, prefix);
  if (location !== null) passed.set('location', location);
  return passed;
}

/**
 * A redirect within the instance leads through the proxy again. One to anywhere else loses its address: a client that
 * follows it would send its request, with our API key or to a host of the instance's choice, where this server would not.
 */
function ownLocation(location: string | undefined, from: URL, prefix: string): string | null {
  if (location === undefined || !URL.canParse(location, from.href)) return null;
  const target = new URL(location, from);
  return target.origin === from.origin ? prefix + target.pathname + target.search : null;
}

/** @throws {InstanceFailed} for codings that hide the body from the search for the token. We asked for none. */
export function assertPlain({
  'content-encoding': content,
  'transfer-encoding': transfer,
}: IncomingHttpHeaders): void {
  if (content !== undefined && content.toLowerCase() !== 'identity')
    throw new InstanceFailed(
      'http_response_content_coding',
      'The instance compressed its answer without being asked.',
    );
  if (transfer !== undefined && transfer.toLowerCase() !== 'chunked')
    throw new InstanceFailed(
      'http_response_transfer_coding',
      'The instance sent an answer in an unknown coding.',
    );
}
