import type { FastifyReply } from 'fastify';
import type { Verdict } from './rate-limiter.js';

/** `RateLimit-*` of the limit that is nearest (draft-ietf-httpapi-ratelimit-headers-06); several may apply to a request. */
export function sendVerdict({ limit, remaining, resetSeconds }: Verdict, reply: FastifyReply): void {
  const said = reply.getHeader('RateLimit-Remaining');
  if (said !== undefined && Number(said) <= remaining) return;
  reply
    .header('RateLimit-Limit', String(limit))
    .header('RateLimit-Remaining', String(remaining))
    .header('RateLimit-Reset', String(resetSeconds));
}
