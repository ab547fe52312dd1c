import { describe, expect, it } from '@jest/globals';
import { type ArgumentMetadata } from '@nestjs/common';
import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, Length, ValidateNested } from 'class-validator';
import { InvalidField } from '../common/domain-error.js';
import { fieldProblems, validationPipe } from './validation.js';

class Inner {
  @IsInt({ message: 'count must be a whole number' })
  count!: number;
}

class Outer {
  @IsString({ message: 'name must be text' })
  @Length(1, 3, { message: 'name must have 1 to 3 characters' })
  name!: string;

  @IsOptional()
  @ValidateNested({ each: true })
  @Type(() => Inner)
  inners?: Inner[];
}

const BODY: ArgumentMetadata = { type: 'body', metatype: Outer };

async function refusal(body: unknown): Promise<InvalidField> {
  const error = await validationPipe()
    .transform(body, BODY)
    .catch((thrown: unknown) => thrown);
  if (error instanceof InvalidField) return error;
  throw new Error('The body was not refused.', { cause: error });
}

describe('validationPipe', () => {
  it('makes an instance of the class', async () => {
    const dto: unknown = await validationPipe().transform({ name: 'abc', inners: [{ count: 1 }] }, BODY);
    expect(dto).toBeInstanceOf(Outer);
    expect((dto as Outer).inners?.[0]).toBeInstanceOf(Inner);
  });

  it('points to each faulty field, with one fault a field', async () => {
    expect((await refusal({ inners: [{ count: 1 }, { count: 'two' }] })).errors).toEqual([
      { pointer: '/name', detail: 'name is required' },
      { pointer: '/inners/1/count', detail: 'count must be a whole number' },
    ]);
  });

  it('refuses unknown fields, at every depth, instead of losing them', async () => {
    expect((await refusal({ name: 'abc', nmae: 'x', inners: [{ count: 1, more: 2 }] })).errors).toEqual([
      { pointer: '/nmae', detail: 'is not a known field' },
      { pointer: '/inners/0/more', detail: 'is not a known field' },
    ]);
  });

  it('escapes the name of a field as RFC 6901 does', async () => {
    expect((await refusal({ name: 'abc', 'a/b~c': 1 })).errors).toEqual([
      { pointer: '/a~1b~0c', detail: 'is not a known field' },
    ]);
  });

  it.each([null, undefined, [], 'text', 7, true])('refuses a body that is no object: %p', async (body) => {
    expect((await refusal(body)).errors.length).toBeGreaterThan(0);
  });

  it.each(['{"name":"abc","__proto__":{"count":1}}', '{"name":"abc","constructor":{"name":"x"}}'])(
    'takes nothing into the prototype from %s',
    async (text) => {
      const body: unknown = JSON.parse(text);
      const result: unknown = await validationPipe()
        .transform(body, BODY)
        .catch((error: unknown) => error);
      expect(({} as Record<string, unknown>)['count']).toBeUndefined();
      if (!(result instanceof InvalidField)) expect(Object.getPrototypeOf(result)).toBe(Outer.prototype);
    },
  );

  it('repeats no value, which may be a secret', async () => {
    const { errors, message } = await refusal({
      name: 'hunter2-secret',
      inners: [{ count: 'hunter2-secret' }],
    });
    expect(errors).toHaveLength(2);
    expect(JSON.stringify([errors, message])).not.toContain('hunter2');
  });

  it('leaves parameters to their own pipes: a text stays a text', async () => {
    const asIs = await validationPipe().transform('0x10', { type: 'param', metatype: Number, data: 'id' });
    expect(asIs).toBe('0x10');
    expect(await validationPipe().transform('true', { type: 'query', metatype: Boolean })).toBe('true');
  });
});

describe('fieldProblems', () => {
  it('puts the given pointer before its own', () => {
    expect(fieldProblems([{ property: 'count', value: 'x', constraints: { isInt: 'no' } }], '/17')).toEqual([
      { pointer: '/17/count', detail: 'no' },
    ]);
  });

  it('tells every failed constraint of a field', () => {
    const problems = fieldProblems([
      { property: 'name', value: 7, constraints: { a: 'too long', b: 'not text' } },
    ]);
    expect(problems).toEqual([
      { pointer: '/name', detail: 'too long' },
      { pointer: '/name', detail: 'not text' },
    ]);
  });
});
