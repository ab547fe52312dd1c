import type { OpenAPIObject } from '@nestjs/swagger';
import { InvalidField, UNKNOWN_PARAMETER } from '../common/domain-error.js';
import { problemContent } from './api-problems.decorator.js';

/** Documents 400 on the routes that take no input, for they too refuse an unknown query parameter. */
export function documentUnknownQuery(document: OpenAPIObject): OpenAPIObject {
  const problem = new InvalidField([{ pointer: '#page', detail: UNKNOWN_PARAMETER }]);
  const response = { description: problem.title, content: problemContent(problem) };
  for (const operations of Object.values(document.paths)) {
    for (const method of ['get', 'post', 'put', 'patch', 'delete'] as const) {
      const responses = operations[method]?.responses;
      if (responses !== undefined) responses['400'] ??= response;
    }
  }
  return document;
}
