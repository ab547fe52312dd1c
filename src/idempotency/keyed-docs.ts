import type { OpenAPIObject } from '@nestjs/swagger';
import { problemContent } from '../http/api-problems.decorator.js';
import { IdempotencyKeyInUse, IdempotencyKeyReused } from './idempotency.errors.js';

/** Documents `Idempotency-Key` and its errors on every POST. */
export function documentKeyedRequests(document: OpenAPIObject): OpenAPIObject {
  for (const { post } of Object.values(document.paths)) {
    if (post === undefined) continue;
    post.parameters = [
      ...(post.parameters ?? []),
      {
        name: 'Idempotency-Key',
        in: 'header',
        required: false,
        description:
          'A new key for each request, such as a UUID. Within 24 hours a repetition with the same key gets the first reply',
        schema: { type: 'string', minLength: 1, maxLength: 255 },
      },
    ];
    for (const problem of [new IdempotencyKeyInUse(1), new IdempotencyKeyReused()])
      post.responses[problem.status] ??= { description: problem.title, content: problemContent(problem) };
  }
  return document;
}
