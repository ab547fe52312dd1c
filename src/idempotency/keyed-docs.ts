import type { OpenAPIObject } from '@nestjs/swagger';
import { problemContent } from '../http/api-problems.decorator.js';
import { IdempotencyKeyInUse, IdempotencyKeyReused } from './idempotency.errors.js';

/** Documents `Idempotency-Key` and its errors on every POST that we carry out ourselves. */
export function documentKeyedRequests(document: OpenAPIObject): OpenAPIObject {
  for (const [path, { post }] of Object.entries(document.paths)) {
    // There the key is for the instance.
    if (post === undefined || path.endsWith('/proxy/{path}')) continue;
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
