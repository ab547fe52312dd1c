import { Ajv, type ValidateFunction } from 'ajv';
import formats from 'ajv-formats';

type Schema = Readonly<Record<string, unknown>>;

interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { schema?: Schema }>> }>
  >;
}

/**
 * Checks answers against the OpenAPI document. Objects may have no property that is not documented: what slips into an
 * answer unnoticed may be a secret.
 */
export class AnswerSchemas {
  readonly #ajv = new Ajv({ strict: false, allErrors: true });
  readonly #compiled = new Map<string, ValidateFunction>();

  constructor(private readonly components: Readonly<Record<string, Schema>>) {
    // CommonJS: under native ESM the function is the module's default's default.
    (formats as unknown as { default: (ajv: Ajv) => void }).default(this.#ajv);
  }

  /** What is wrong with an answer; null when nothing is. */
  fault(
    operation: Operation,
    answer: { status: number; contentType: string | null; text: string },
  ): string | null {
    const documented = operation.responses[String(answer.status)] ?? operation.responses['default'];
    if (documented === undefined) return `the status ${answer.status} is not documented`;
    const { content } = documented;
    if (content === undefined) return answer.text === '' ? null : 'there is a body where none is documented';
    const type = (answer.contentType ?? '').split(';', 1)[0] ?? '';
    if (content['*/*'] !== undefined) return null;
    const schema = content[type]?.schema;
    if (schema === undefined) return `the content type "${type}" is not documented`;
    if (!type.endsWith('json')) return null;
    const validate = this.compile(schema);
    if (validate(JSON.parse(answer.text))) return null;
    return this.#ajv.errorsText(validate.errors);
  }

  private compile(schema: Schema): ValidateFunction {
    const text = JSON.stringify(schema);
    let validate = this.#compiled.get(text);
    if (validate === undefined) {
      validate = this.#ajv.compile(this.toJsonSchema(schema) as object);
      this.#compiled.set(text, validate);
    }
    return validate;
  }

  /** With each reference replaced by what it stands for. No schema here refers to itself. */
  private toJsonSchema(node: unknown): unknown {
    if (Array.isArray(node)) return node.map((item) => this.toJsonSchema(item));
    if (typeof node !== 'object' || node === null) return node;
    const { $ref, example: _, ...rest } = node as Schema & { $ref?: string };
    if (typeof $ref === 'string') {
      const name = $ref.split('/').at(-1) ?? '';
      const component = this.components[name];
      if (component === undefined) throw new Error(`The document has no schema ${name}`);
      return this.toJsonSchema(component);
    }
    const schema: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(rest)) {
      schema[key] =
        key === 'properties'
          ? Object.fromEntries(
              Object.entries(value as Schema).map(([name, property]) => [name, this.toJsonSchema(property)]),
            )
          : this.toJsonSchema(value);
    }
    if (schema['properties'] !== undefined) schema['additionalProperties'] ??= false;
    return schema;
  }
}
