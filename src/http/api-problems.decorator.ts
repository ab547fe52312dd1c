import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { ProblemDto } from './problem.dto.js';

const DESCRIPTIONS: Readonly<Record<number, readonly [code: string, title: string, detail: string]>> = {
  400: ['validation_failed', 'The request is not valid', 'One or more fields are not valid; see errors.'],
  401: ['unauthenticated', 'Not signed in', 'This needs an access token: Authorization: Bearer <token>.'],
  403: ['forbidden', 'Not allowed', 'The credentials do not permit this.'],
  404: ['platform_not_found', 'Platform connection not found', 'No platform connection has this id.'],
  409: ['duplicate_name', 'Name already used', 'Another of your platform connections has this name.'],
  412: [
    'version_mismatch',
    'The resource has changed',
    'The platform connection has changed since you read it: If-Match names another version. Read it again.',
  ],
  413: ['payload_too_large', 'Payload too large', 'The request body is too large.'],
  415: ['unsupported_media_type', 'Unsupported media type', 'Send application/json.'],
  429: ['rate_limited', 'Too many requests', 'Too many requests. Try again later.'],
  503: [
    'database_unavailable',
    'Temporarily unavailable',
    'The database is temporarily unavailable. Try again shortly.',
  ],
};

type DocumentedStatus = 400 | 401 | 403 | 404 | 409 | 412 | 413 | 415 | 429 | 503;

/** Documents a route's errors, each with an example. `examples` replaces the code, title and detail of a status. */
export function ApiProblems(
  statuses: readonly DocumentedStatus[],
  examples: Partial<Record<DocumentedStatus, readonly [code: string, title: string, detail: string]>> = {},
): MethodDecorator & ClassDecorator {
  return applyDecorators(
    ApiExtraModels(ProblemDto),
    ...statuses.map((status) => {
      const [code, title, detail] = examples[status] ?? DESCRIPTIONS[status] ?? ['error', 'Error', 'Error'];
      return ApiResponse({
        status,
        description: title,
        ...(status === 503 || status === 429
          ? {
              headers: { 'Retry-After': { description: 'seconds', schema: { type: 'integer', example: 1 } } },
            }
          : {}),
        content: {
          'application/problem+json': {
            schema: { $ref: getSchemaPath(ProblemDto) },
            example: {
              type: `urn:platform-manager:problem:${code}`,
              title,
              status,
              detail,
              instance: '/v1/…',
              code,
              requestId: '3f0c2b7e-5d1a-4a4e-9c57-0c8f6f1d2a90',
              ...(status === 400 && {
                errors: [{ pointer: '/name', detail: 'name must have 1 to 100 characters' }],
              }),
            },
          },
        },
      });
    }),
  );
}
