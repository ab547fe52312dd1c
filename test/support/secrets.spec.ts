import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Secrets } from './secrets.js';

describe('the search for secrets', () => {
  const secrets = new Secrets();

  it.each(['utf8', 'hex', 'base64', 'base64url'] as const)(
    'finds one within a text in %s, wherever it begins',
    (encoding) => {
      for (let before = 0; before < 12; before += 1) {
        const text = Buffer.concat([
          randomBytes(before),
          Buffer.from(secrets.make('token')),
          randomBytes(before),
        ]);
        expect([before, secrets.foundIn(text.toString(encoding)).length]).toEqual([before, 1]);
      }
    },
  );

  it('finds one whose form is not ours, and nothing else', () => {
    secrets.add('a-token-of-the-application');
    expect(secrets.foundIn('{"token":"a-token-of-the-application"}')).toHaveLength(1);
    expect(secrets.foundIn(randomBytes(100_000).toString('base64'))).toEqual([]);
  });
});
