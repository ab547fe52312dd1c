import { readFile } from 'node:fs/promises';
import { expect } from '@jest/globals';
import type { Recorded } from './clean-record.js';
import type { Exchange } from './http-client.js';

export interface ResponseDoc {
  readonly description?: string;
  readonly content?: Readonly<Record<string, { readonly schema?: SchemaDoc; readonly example?: unknown }>>;
}

export interface SchemaDoc {
  readonly $ref?: string;
  readonly type?: string;
  readonly items?: SchemaDoc;
  readonly example?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, SchemaDoc>>;
}

export interface OperationDoc {
  readonly summary?: string;
  readonly security?: readonly unknown[];
  readonly responses: Readonly<Record<string, ResponseDoc>>;
}

export interface OpenApiDoc {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationDoc>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, SchemaDoc>> };
}

/** `npm run check` holds it against what the application serves. That takes longer to build than this to read. */
const IN_REPOSITORY = new URL('../../openapi.json', import.meta.url);

/** As the application serves it. */
export async function readOpenApi({ client }: Pick<Recorded, 'client'>): Promise<OpenApiDoc> {
  return (await client.get('/docs-json')).json<OpenApiDoc>();
}

type OperationOf = (method: string, path: string) => [string, OperationDoc] | undefined;

/** Finds the operation that a request went to: a literal path segment wins over a parameter. */
function operationsOf(document: OpenApiDoc): OperationOf {
  const paths = Object.entries(document.paths)
    .sort(([a], [b]) => parameters(a) - parameters(b))
    .map(([template, operations]) => {
      const pattern = template.replace('{path}', '.+').replaceAll(/\{[^}]+\}/g, '[^/]+');
      return { template, operations, pattern: new RegExp(`^${pattern}$`) };
    });
  return (method, path) => {
    const found = paths.find(({ pattern }) => pattern.test(path));
    const operation = found?.operations[method.toLowerCase()];
    return found === undefined || operation === undefined ? undefined : [found.template, operation];
  };
}

function parameters(template: string): number {
  return template.split('{').length;
}

/**
 * Routes of the document that nothing was asked of in these exchanges, by default all of the test file; or nothing with
 * one of the statuses that count, and then with what they answered instead.
 */
export async function unvisited(
  app: Recorded,
  exchanges = app.backends.exchanges,
  counts: (status: number) => boolean = () => true,
): Promise<string[]> {
  const document = await readOpenApi(app);
  const operationOf = operationsOf(document);
  const answers = new Map<string, Exchange[]>();
  for (const exchange of exchanges) {
    const [template] = operationOf(exchange.method, exchange.path.split('?', 1)[0] ?? exchange.path) ?? [];
    const operation = `${exchange.method} ${template}`;
    const list = answers.get(operation) ?? [];
    list.push(exchange);
    answers.set(operation, list);
  }
  return Object.entries(document.paths)
    .flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    )
    .filter((operation) => !answers.get(operation)?.some(({ status }) => counts(status)))
    .map((operation) =>
      [operation, ...(answers.get(operation) ?? []).map(({ status, text }) => `${status} ${text}`)].join(
        ', ',
      ),
    );
}

/** Every status that a route has answered in this test file is documented for that route. */
export async function expectDocumentedAnswers(app: Recorded): Promise<void> {
  const operationOf = operationsOf(JSON.parse(await readFile(IN_REPOSITORY, 'utf8')) as OpenApiDoc);
  const undocumented = new Set<string>();
  let looked = 0;
  for (const { method, path, status } of app.backends.exchanges) {
    const found = operationOf(method, path);
    if (found === undefined) continue;
    looked++;
    const [template, operation] = found;
    if ((operation.responses[status] ?? operation.responses['default']) === undefined)
      undocumented.add(`${method} ${template} answered ${status}`);
  }
  expect(looked).toBeGreaterThan(0);
  expect([...undocumented]).toEqual([]);
}
