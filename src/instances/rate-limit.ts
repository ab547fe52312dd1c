import type { IncomingHttpHeaders } from 'node:http';

export interface RateLimit {
  readonly limit: number | null;
  readonly remaining: number | null;
  readonly resetsAt: Date | null;
}

/** A reset time further ahead than this comes from a wrong clock or a hostile instance. */
const MAX_AHEAD_MS = 7 * 86_400_000;

/** Reads `X-RateLimit-*` and `Retry-After`; null if there are none. */
export function rateLimitOf(headers: IncomingHttpHeaders, now: Date): RateLimit | null {
  const limit = count(headers['x-ratelimit-limit']);
  const remaining = count(headers['x-ratelimit-remaining']);
  const resetsAt = timeOf(headers['x-ratelimit-reset'], now) ?? timeOf(headers['retry-after'], now);
  return limit === null && remaining === null && resetsAt === null ? null : { limit, remaining, resetsAt };
}

function count(header: string | string[] | undefined): number | null {
  return typeof header === 'string' && /^\d{1,9}$/.test(header) ? Number(header) : null;
}

/** Instances send an ISO date, an HTTP date, seconds since 1970, or seconds from now. */
function timeOf(header: string | string[] | undefined, now: Date): Date | null {
  if (typeof header !== 'string' || header.length > 50) return null;
  const seconds = /^(\d{1,10})(?:\.\d+)?$/.exec(header)?.[1];
  const timeMs =
    seconds === undefined
      ? Date.parse(header)
      : Number(seconds) > 1_000_000_000
        ? Number(seconds) * 1000
        : now.getTime() + Number(seconds) * 1000;
  if (Number.isNaN(timeMs)) return null;
  return new Date(Math.min(timeMs, now.getTime() + MAX_AHEAD_MS));
}
