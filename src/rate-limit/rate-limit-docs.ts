import type { OpenAPIObject } from '@nestjs/swagger';

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
  content: {
    'application/problem+json': {
      schema: { $ref: '#/components/schemas/ProblemDto' },
      example: {
        type: 'urn:platform-manager:problem:rate_limited',
        title: 'Too many requests',
        status: 429,
        detail: 'Too many requests. Try again later.',
        instance: '/v1/…',
        code: 'rate_limited',
        requestId: '3f0c2b7e-5d1a-4a4e-9c57-0c8f6f1d2a90',
      },
    },
  },
};

/** Documents 429 here for every route, instead of on each. Health probes are exempt. */
export function documentRateLimits(document: OpenAPIObject): OpenAPIObject {
  for (const [path, operations] of Object.entries(document.paths)) {
    if (!path.startsWith('/v1/')) continue;
    for (const method of ['get', 'post', 'put', 'patch', 'delete'] as const) {
      const responses = operations[method]?.responses;
      if (responses !== undefined) responses['429'] = RESPONSE;
    }
  }
  return document;
}
