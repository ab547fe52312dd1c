import { STATUS_CODES } from 'node:http';
import type { OpenAPIObject } from '@nestjs/swagger';

type Node = Readonly<Record<string, unknown>>;

/** Turns the document into OpenAPI 3.1, where schemas are JSON Schema. Nest writes the schemas of 3.0 in any case. */
export function asOpenApi31(document: OpenAPIObject): OpenAPIObject {
  complete(document);
  return rewritten(document) as OpenAPIObject;
}

/** Says in words what Nest leaves empty: that a route is public, and what an answer is. */
function complete({ paths }: OpenAPIObject): void {
  for (const operations of Object.values(paths)) {
    for (const method of ['get', 'post', 'put', 'patch', 'delete'] as const) {
      const operation = operations[method];
      if (operation === undefined) continue;
      // `@Authenticated()` has documented what it needs. Without it, nothing is needed.
      operation.security ??= [];
      for (const [status, answer] of Object.entries(operation.responses)) {
        if (answer !== undefined && 'description' in answer)
          answer.description ||= STATUS_CODES[status] ?? '';
      }
    }
  }
}

function rewritten(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(rewritten);
  if (typeof node !== 'object' || node === null) return node;
  const { nullable, ...rest } = node as Node;
  const all = (rest['allOf'] ?? []) as readonly Node[];
  const reference = all.length === 1 ? all[0] : undefined;
  const schema = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, rewritten(value)]));
  if (reference !== undefined) {
    // Here `type` only repeats what the reference says.
    const { allOf: _, type: __, ...others } = schema;
    return nullable === true
      ? { anyOf: [reference, { type: 'null' }], ...others }
      : { ...reference, ...others };
  }
  if (nullable !== true) return schema;
  const { enum: values } = schema;
  return {
    ...schema,
    type: [schema['type'], 'null'],
    ...(Array.isArray(values) && { enum: [...(values as unknown[]), null] }),
  };
}
