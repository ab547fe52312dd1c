import type { IncomingHttpHeaders } from 'node:http';

/**
 * Whether a firewall sent a page for browsers instead of passing the request on: 403 or 503 with HTML, as Cloudflare and
 * proof-of-work gates do. A 503 that names a time to retry is an instance under maintenance.
 */
export function isChallengePage({
  status,
  headers,
}: {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}): boolean {
  if (!isPage(headers)) return false;
  return status === 403 || (status === 503 && headers['retry-after'] === undefined);
}

export function isPage(headers: IncomingHttpHeaders): boolean {
  return /^\s*(?:text\/html|application\/xhtml)/i.test(headers['content-type'] ?? '');
}
