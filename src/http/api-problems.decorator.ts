import { applyDecorators } from '@nestjs/common';
import { ApiExtraModels, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import type { DomainError } from '../common/domain-error.js';
import { ProblemDto } from './problem.dto.js';

const DESCRIPTIONS = {
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
} as const;

type DocumentedStatus = keyof typeof DESCRIPTIONS;

/** Documents a route's errors, each with an example. An error in `examples` replaces the usual example of its status. */
export function ApiProblems(
  statuses: readonly DocumentedStatus[],
  ...examples: readonly DomainError[]
): MethodDecorator & ClassDecorator {
  return applyDecorators(
    ApiExtraModels(ProblemDto),
    ...statuses.map((status) => {
      const example = examples.find((error) => error.status === status);
      const [code, title, detail] = DESCRIPTIONS[status];
      const problem = example ?? { status, code, title, message: detail };
      return ApiResponse({
        status,
        description: problem.title,
        ...(status === 503 || status === 429
          ? {
              headers: { 'Retry-After': { description: 'seconds', schema: { type: 'integer', example: 1 } } },
            }
          : {}),
        content: problemContent(problem),
      });
    }),
  );
}

/** The documented body of an error. */
export function problemContent({
  status,
  code,
  title,
  message,
  errors = [{ pointer: '/name', detail: 'name must have 1 to 100 characters' }],
}: Pick<DomainError, 'status' | 'code' | 'title' | 'message' | 'errors'>) {
  return {
    'application/problem+json': {
      schema: { $ref: getSchemaPath(ProblemDto) },
      example: {
        type: `https://api.example.org/problems/${code}`,
        title,
        status,
        detail: message,
        instance: '/v1/…',
        code,
        requestId: '3f0c2b7e-5d1a-4a4e-9c57-0c8f6f1d2a90',
        ...(status === 400 && { errors }),
      },
    },
  };
}
