import { describe, expect, it } from '@jest/globals';
import type { OpenAPIObject } from '@nestjs/swagger';
import { asOpenApi31 } from './openapi-document.js';

const $ref = '#/components/schemas/Account';

function written(schema: object): unknown {
  const document = { paths: {}, components: { schemas: { One: schema } } } as unknown as OpenAPIObject;
  return asOpenApi31(document).components?.schemas?.['One'];
}

describe('asOpenApi31', () => {
  it('says null as a type', () => {
    expect(written({ type: 'string', nullable: true, maxLength: 5 })).toEqual({
      type: ['string', 'null'],
      maxLength: 5,
    });
    expect(written({ type: 'string', nullable: true, enum: ['a'] })).toEqual({
      type: ['string', 'null'],
      enum: ['a', null],
    });
  });

  it('says a reference without a list of one', () => {
    expect(written({ allOf: [{ $ref }], description: 'whose' })).toEqual({ $ref, description: 'whose' });
    expect(written({ type: 'object', allOf: [{ $ref }], nullable: true, description: 'whose' })).toEqual({
      anyOf: [{ $ref }, { type: 'null' }],
      description: 'whose',
    });
  });

  it('reaches every depth and leaves the rest alone', () => {
    const deep = {
      properties: { a: { items: { type: 'integer', nullable: true } }, b: { type: 'boolean' } },
    };
    expect(written(deep)).toEqual({
      properties: { a: { items: { type: ['integer', 'null'] } }, b: { type: 'boolean' } },
    });
  });

  it('describes an answer that has no description by its status', () => {
    const responses = { 201: { description: '' }, 409: { description: 'Taken' } };
    const document = { paths: { '/a': { post: { responses } } } } as unknown as OpenAPIObject;
    expect(asOpenApi31(document).paths['/a']?.post?.responses).toEqual({
      201: { description: 'Created' },
      409: { description: 'Taken' },
    });
  });
});
