import { describe, expect, it } from '@jest/globals';
import type { CacheSpec } from './cache-spec.js';
import { DecodedEntries } from './decoded-entries.js';

const spec: CacheSpec<number, { readonly name: string }> = {
  resource: 'platform',
  key: String,
  ttlSeconds: () => 60,
  encode: ({ name }) => JSON.stringify({ name }),
  fingerprint: ({ name }) => name,
  decode: (raw) => JSON.parse(raw) as { name: string },
};

describe('DecodedEntries', () => {
  it('gives the same value for the same text, and another one for another', () => {
    const values = new DecodedEntries();
    const first = values.decode(spec, 1, '1', '{"name":"a"}');
    expect(values.decode(spec, 1, '1', '{"name":"a"}')).toBe(first);
    expect(values.decode(spec, 1, '1', '{"name":"b"}').value).toEqual({ name: 'b' });
  });

  it.each([
    ['says a field twice', '{"name":"forged","name":"ok"}'],
    ['says more than the value', '{"name":"ok","extra":1}'],
    ['has white space', '{ "name": "ok" }'],
    ['has something after it', '{"name":"ok"} '],
  ])('refuses a text that %s: the text is sent as it is', (_, raw) => {
    expect(() => new DecodedEntries().decode(spec, 1, '1', raw)).toThrow('differs from the encoded entry');
  });
});
