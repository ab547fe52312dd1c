import type { FastifyReply } from 'fastify';
import type { Verdict } from './rate-limiter.js';

/** `RateLimit-*` of the limit that is nearest (draft-ietf-httpapi-ratelimit-headers-06); several may apply to a request. */
export function sendVerdict({ limit, remaining, resetSeconds }: Verdict, reply: FastifyReply): void {
  const said = reply.getHeader('ratelimit-remaining');
  if (said !== undefined && Number(said) <= remaining) return;
  reply
    .header('ratelimit-limit', String(limit))
    .header('ratelimit-remaining', String(remaining))
    .header('ratelimit-reset', String(resetSeconds));
}
