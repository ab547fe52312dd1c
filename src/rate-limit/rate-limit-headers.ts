import type { FastifyReply } from 'fastify';
import type { Verdict } from './rate-limiter.js';

/** Several limits may apply to a request. `RateLimit-*` describes the one with the least left (draft-ietf-httpapi-ratelimit-headers-06). */
export function sendVerdict({ limit, remaining, resetSeconds }: Verdict, reply: FastifyReply): void {
  const said = reply.getHeader('ratelimit-remaining');
  if (said !== undefined && Number(said) <= remaining) return;
  reply
    .header('ratelimit-limit', String(limit))
    .header('ratelimit-remaining', String(remaining))
    .header('ratelimit-reset', String(resetSeconds));
}
