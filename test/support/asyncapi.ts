import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import type { Exchange } from './http-client.js';

const FILE = fileURLToPath(new URL('../../docs/asyncapi.json', import.meta.url));

interface Message {
  readonly payload: { readonly $ref: string };
  readonly examples?: readonly { readonly payload: unknown }[];
}

export interface AsyncApi {
  readonly components: {
    readonly messages: Readonly<Record<string, Message>>;
    readonly schemas: Readonly<
      Record<string, { readonly properties?: Readonly<Record<string, { enum?: string[] }>> }>
    >;
  };
}

export const asyncApi = JSON.parse(readFileSync(FILE, 'utf8')) as AsyncApi;

/** What in these messages, or in the document's own examples, is not as docs/asyncapi.json says. */
export function undocumentedMessages(exchanges: readonly Exchange[]): string[] {
  const ajv = new Ajv({ strict: false, allowUnionTypes: true });
  (formats as unknown as { default: (ajv: Ajv) => void }).default(ajv);
  ajv.addSchema(asyncApi, 'asyncapi');
  const fault = (name: string, payload: unknown): string[] => {
    const reference = asyncApi.components.messages[name]?.payload.$ref;
    // Compiled once, and then known by its reference.
    const validate = reference === undefined ? undefined : ajv.getSchema(`asyncapi${reference}`);
    if (validate === undefined) return [`there is no message ${name}`];
    return validate(payload) ? [] : [`${name}: ${ajv.errorsText(validate.errors)}`];
  };
  return [
    ...exchanges
      .filter(({ method }) => method === 'EVENT')
      .flatMap(({ path, text }) => fault(path, JSON.parse(text))),
    ...Object.entries(asyncApi.components.messages).flatMap(([name, { examples = [] }]) =>
      examples.flatMap(({ payload }) => fault(name, payload)),
    ),
  ];
}
