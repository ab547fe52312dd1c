import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { canonicalInstanceUrl } from './instance-url.js';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

/** Where a redirect leads; null if the response is none, or leads nowhere. */
export function redirectTarget({ status, headers }: Answer, from: URL): URL | null {
  const { location } = headers;
  if (status < 300 || status >= 400 || location === undefined) return null;
  return URL.canParse(location, from.href) ? new URL(location, from) : null;
}

/**
 * The address to ask instead, if a redirect or link of an instance stays with its owner: on the same host, or between
 * `example.org` and `www.example.org`. Null if it leads to anybody else. An https instance is never left for http.
 */
export function onSameSite(origin: string, target: URL): URL | null {
  const from = new URL(origin);
  if (withoutWww(target.host) !== withoutWww(from.host) || !isWeb(target)) return null;
  const same = new URL(target);
  if (from.protocol === 'https:') same.protocol = 'https:';
  return same;
}

/**
 * The sentence that names the host where the instance says it is. Empty if a user could not enter that host: no name or
 * address from inside a network is repeated.
 */
export function addressHint(origin: string, target: URL): string {
  if (!isWeb(target)) return '';
  try {
    const canonical = new URL(canonicalInstanceUrl(target.host));
    if (canonical.host === new URL(origin).host || canonical.port !== '' || isIP(canonical.hostname) > 0)
      return '';
    return ` It says its address is ${canonical.host}.`;
  } catch {
    return '';
  }
}

function isWeb({ protocol }: URL): boolean {
  return protocol === 'https:' || protocol === 'http:';
}

function withoutWww(host: string): string {
  return host.replace(/^www\./, '');
}
