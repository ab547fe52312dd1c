import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CredentialEchoed } from './proxy.errors.js';
import { TokenGuard } from './token-guard.js';

/** What gets through, and whether it is cut off. */
function through(token: string, chunks: readonly string[]): { text: string; cut: boolean } {
  const guard = new TokenGuard(token);
  let text = '';
  try {
    for (const chunk of chunks) text += guard.pass(Buffer.from(chunk)).toString('latin1');
    return { text: text + guard.rest().toString('latin1'), cut: false };
  } catch (error) {
    expect(error).toBeInstanceOf(CredentialEchoed);
    return { text, cut: true };
  }
}

describe('TokenGuard', () => {
  // Few letters, so that beginnings of the token come again and again.
  const letters = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 60 });
  const token = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 10, maxLength: 14 });

  it('lets everything through unchanged unless the token is in it, and of the token never the last character', () => {
    fc.assert(
      fc.property(token, fc.array(letters, { maxLength: 8 }), (secret, chunks) => {
        const whole = chunks.join('');
        const { text, cut } = through(secret, chunks);
        expect(cut).toBe(whole.includes(secret));
        if (cut) expect(whole.startsWith(text) && !text.includes(secret)).toBe(true);
        else expect(text).toBe(whole);
      }),
      { numRuns: 2000 },
    );
  });

  it('sends on at once what cannot be the beginning of the token', () => {
    const guard = new TokenGuard('0123456789');
    expect(guard.pass(Buffer.from('data: x\n\n')).toString()).toBe('data: x\n\n');
    expect(guard.pass(Buffer.from('data: 01')).toString()).toBe('data: ');
    expect(guard.pass(Buffer.from('x')).toString()).toBe('01x');
  });

  it.each([
    ['percent-encoded', (text: string) => encodeURIComponent(text)],
    [
      'percent-encoded in lower case',
      (text: string) => encodeURIComponent(text).replace(/%../g, (e) => e.toLowerCase()),
    ],
    ['in JSON', (text: string) => JSON.stringify({ text })],
    ['in JSON of PHP', (text: string) => JSON.stringify({ text }).replaceAll('/', '\\/')],
    ...[0, 1, 2].map(
      (n) =>
        [
          `in base64 after ${n}`,
          (text: string) => Buffer.from('x'.repeat(n) + text).toString('base64'),
        ] as const,
    ),
    ['in base64url', (text: string) => Buffer.from(`u:${text}:p`).toString('base64url')],
  ])('knows the token %s', (_, encode) => {
    const secret = 'a/b+c="d\\e?f~g_h-i.j';
    for (const size of [1, 3, 1000]) {
      const pieces = `before ${encode(secret)} after`.match(new RegExp(`.{1,${size}}`, 'g')) ?? [];
      expect(through(secret, pieces).cut).toBe(true);
    }
  });

  it('is fast with a token that is like itself everywhere', () => {
    const guard = new TokenGuard('a'.repeat(4096));
    const started = performance.now();
    for (let n = 0; n < 4000; n++) guard.pass(Buffer.from('a'));
    guard.pass(Buffer.from('b'));
    for (let n = 0; n < 20; n++) guard.pass(Buffer.alloc(64 * 1024, `${'a'.repeat(2000)}b`));
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
