import type { OpenAPIObject } from '@nestjs/swagger';
import { problemContent } from '../http/api-problems.decorator.js';
import { RateLimited } from './rate-limit.errors.js';

const header = (description: string, example: number) => ({
  description,
  schema: { type: 'integer' as const, example },
});

const RESPONSE = {
  description: 'Too many requests',
  headers: {
    'Retry-After': header('Seconds', 21),
    'RateLimit-Limit': header('Requests a minute', 1200),
    'RateLimit-Remaining': header('Of them, left in this window', 0),
    'RateLimit-Reset': header('Seconds until the window ends', 21),
  },
  content: problemContent(new RateLimited(21)),
};

/** Documents 429 here for every route, instead of on each. Health probes are exempt. */
export function documentRateLimits(document: OpenAPIObject): OpenAPIObject {
  for (const [path, operations] of Object.entries(document.paths)) {
    if (!/^\/(?:v1\/|mcp$)/.test(path)) continue;
    for (const method of ['get', 'post', 'put', 'patch', 'delete'] as const) {
      const responses = operations[method]?.responses;
      if (responses !== undefined) responses['429'] = RESPONSE;
    }
  }
  return document;
}
