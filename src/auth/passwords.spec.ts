import { describe, expect, it } from '@jest/globals';
import { hash as argon2 } from '@node-rs/argon2';
import { Passwords } from './passwords.js';

const PASSWORD = 'a long enough password';

async function tookMs(work: Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work;
  return performance.now() - started;
}

describe('Passwords', () => {
  const passwords = new Passwords();

  it('hashes with Argon2id and the OWASP parameters', async () => {
    expect(await passwords.hash(PASSWORD)).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  });

  it('salts: the same password never has the same hash', async () => {
    expect(await passwords.hash(PASSWORD)).not.toBe(await passwords.hash(PASSWORD));
  });

  it('accepts the password of a hash and no other', async () => {
    const hash = await passwords.hash(PASSWORD);
    expect(await passwords.verify(hash, PASSWORD)).toBe(true);
    expect(await passwords.verify(hash, `${PASSWORD} `)).toBe(false);
    expect(await passwords.verify(hash, '')).toBe(false);
  });

  it('tells passwords apart beyond the 72nd byte and beyond a NUL', async () => {
    const long = 'x'.repeat(100);
    expect(await passwords.verify(await passwords.hash(`${long}a`), `${long}b`)).toBe(false);
    expect(await passwords.verify(await passwords.hash('before\0after'), 'before\0other')).toBe(false);
  });

  it('takes all forms of a password as one, and one that was hashed as it was typed', async () => {
    const [composed, decomposed] = ['Caf\u00e9 bar', 'Cafe\u0301\u00a0bar'];
    expect(await passwords.verify(await passwords.hash(decomposed), composed)).toBe(true);
    expect(await passwords.verify(await passwords.hash(composed), decomposed)).toBe(true);
    expect(await passwords.verify(await argon2(decomposed), decomposed)).toBe(true);
    expect(await passwords.verify(await argon2(decomposed), composed)).toBe(false);
    expect(await passwords.verify(null, decomposed)).toBe(false);
  });

  it('refuses every password where there is no hash, and takes as long about it', async () => {
    const hash = await passwords.hash(PASSWORD);
    expect(await passwords.verify(null, PASSWORD)).toBe(false);

    let [known, unknown] = [Infinity, Infinity];
    for (let round = 0; round < 8; round++) {
      known = Math.min(known, await tookMs(passwords.verify(hash, 'wrong')));
      unknown = Math.min(unknown, await tookMs(passwords.verify(null, 'wrong')));
    }
    // The shortest of several, in turns, and a wide margin, for a busy machine. Without the work it would be microseconds.
    expect(unknown).toBeGreaterThan(known / 10);
  });
});
