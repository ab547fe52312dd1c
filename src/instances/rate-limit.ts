import { z } from 'zod';
import type { InstanceResponse } from './guarded-http.js';
import { jsonBody } from './json-body.js';

export interface RateLimit {
  readonly limit: number | null;
  readonly remaining: number | null;
  readonly resetsAt: Date | null;
}

/** A reset time further ahead than this comes from a wrong clock or a hostile instance. */
const MAX_AHEAD_MS = 7 * 86_400_000;

/** Misskey's time is in milliseconds since 1970, Sharkey's in milliseconds from now. */
const infoSchema = z.object({ error: z.object({ info: z.object({ resetMs: z.int().positive() }) }) });

/** Reads `X-RateLimit-*`, `Retry-After`, and what Misskey says in the body of a 429; null if there is nothing. */
export function rateLimitOf(response: InstanceResponse, now: Date): RateLimit | null {
  const { headers } = response;
  const limit = count(headers['x-ratelimit-limit']);
  const remaining = count(headers['x-ratelimit-remaining']);
  const resetsAt =
    timeOf(headers['x-ratelimit-reset'], now) ??
    timeOf(headers['retry-after'], now) ??
    timeInBody(response, now);
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
  return Number.isNaN(timeMs) ? null : bounded(timeMs, now);
}

function timeInBody(response: InstanceResponse, now: Date): Date | null {
  const resetMs = response.status === 429 ? jsonBody(response, infoSchema)?.error.info.resetMs : undefined;
  if (resetMs === undefined) return null;
  return bounded(resetMs > 1_000_000_000_000 ? resetMs : now.getTime() + resetMs, now);
}

function bounded(timeMs: number, now: Date): Date {
  return new Date(Math.min(timeMs, now.getTime() + MAX_AHEAD_MS));
}
