import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  FernetKey,
  InvalidFernetToken,
  MalformedFernetKey,
  UnencryptableText,
  fernetDecrypt,
  fernetEncrypt,
} from './fernet.js';

interface Vector {
  desc?: string;
  token: string;
  now: string;
  ttl_sec: number;
  iv: number[];
  src: string;
  secret: string;
}

const vectors = (name: string): Vector[] =>
  JSON.parse(
    readFileSync(new URL(`../../test/vectors/fernet/${name}.json`, import.meta.url), 'utf8'),
  ) as Vector[];

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const KEY_TEXT = 'cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=';
const KEY_BYTES = Buffer.from(KEY_TEXT, 'base64url');
const key = FernetKey.parse(KEY_TEXT);

const padded = (bytes: Buffer): string => bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_');

/** A token with a right HMAC, written without the code under test. */
const makeToken = (plaintext: Buffer, version = 0x80, cutCiphertext = 0): string => {
  const header = Buffer.alloc(25, 7);
  header[0] = version;
  const cipher = createCipheriv('aes-128-cbc', KEY_BYTES.subarray(16), header.subarray(9));
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  const signed = Buffer.concat([header, ciphertext.subarray(0, ciphertext.length - cutCiphertext)]);
  const mac = createHmac('sha256', KEY_BYTES.subarray(0, 16)).update(signed).digest();
  return padded(Buffer.concat([signed, mac]));
};

const openedByOpenssl = (token: string): string | undefined => {
  const bytes = Buffer.from(token, 'base64url');
  const decipher = createDecipheriv('aes-128-cbc', KEY_BYTES.subarray(16), bytes.subarray(9, 25));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(25, -32)), decipher.final()]).toString('utf8');
  } catch {
    return undefined;
  }
};

const caught = (act: () => unknown): Error => {
  try {
    act();
  } catch (error) {
    return error as Error;
  }
  throw new Error('Nothing was thrown.');
};

const everyText = (value: unknown): string =>
  [
    inspect(value, { showHidden: true, depth: null, getters: true }),
    JSON.stringify(value),
    String(value),
  ].join('\n');

describe('the vectors of the Fernet spec', () => {
  it.each(vectors('generate'))(
    'writes the token of the spec for "$src"',
    ({ secret, src, now, iv, token }) => {
      const options = { now: new Date(now), iv: Buffer.from(iv) };
      expect(fernetEncrypt(FernetKey.parse(secret), src, options)).toBe(token);
    },
  );

  it.each(vectors('verify'))(
    'reads the token of the spec for "$src"',
    ({ secret, src, now, ttl_sec, token }) => {
      const options = { now: new Date(now), ttlSeconds: ttl_sec };
      expect(fernetDecrypt(FernetKey.parse(secret), token, options)).toBe(src);
    },
  );

  it.each(vectors('invalid'))('refuses: $desc', ({ secret, now, ttl_sec, token }) => {
    const options = { now: new Date(now), ttlSeconds: ttl_sec };
    expect(() => fernetDecrypt(FernetKey.parse(secret), token, options)).toThrow(InvalidFernetToken);
  });
});

describe('FernetKey', () => {
  it('generates keys that it reads, no two alike', () => {
    const texts = Array.from({ length: 50 }, () => FernetKey.generate());
    expect(texts.every((text) => /^[A-Za-z0-9_-]{43}=$/.test(text))).toBe(true);
    expect(new Set(texts.map((text) => FernetKey.parse(text).id)).size).toBe(50);
  });

  it('reads a key in either alphabet as the same key', () => {
    expect(FernetKey.parse(KEY_TEXT.replaceAll('-', '+').replaceAll('_', '/')).id).toBe(key.id);
  });

  it('names a key by the same 16 hex digits in every process', () => {
    expect(key.id).toBe('1553405bd74457c7');
  });

  it.each([
    ['empty', ''],
    ['unpadded', KEY_TEXT.slice(0, -1)],
    ['one byte short', padded(KEY_BYTES.subarray(1))],
    ['one byte long', padded(Buffer.concat([KEY_BYTES, Buffer.alloc(1)]))],
    ['with a foreign character', `%${KEY_TEXT.slice(1)}`],
    ['with white space', ` ${KEY_TEXT}`],
    ['with a line feed at its end', `${KEY_TEXT}\n`],
  ])('refuses a key that is %s, without quoting it', (_, text) => {
    const error = caught(() => FernetKey.parse(text));
    expect(error).toBeInstanceOf(MalformedFernetKey);
    expect(everyText(error)).not.toContain(KEY_TEXT.slice(5, 15));
  });

  it.each([`b'${KEY_TEXT}'`, `b"${KEY_TEXT}"`, `'${KEY_TEXT}'`, `"${KEY_TEXT}"`])(
    'says how to write a key that was copied with its quotation marks (%#), without quoting it',
    (text) => {
      const error = caught(() => FernetKey.parse(text));
      expect(error.message).toContain('without b and quotation marks');
      expect(everyText(error)).not.toContain(KEY_TEXT.slice(5, 15));
    },
  );

  it('shows its id and nothing of its bytes when it is logged or serialised', () => {
    const shown = everyText({ key, list: [key] }) + inspect(key.derive('a'), { showHidden: true });
    expect(shown).toContain(key.id);
    expect(shown).not.toContain(KEY_TEXT.slice(5, 15));
    expect(shown).not.toContain(KEY_BYTES.toString('hex').slice(4, 12));
    expect(shown).not.toContain('Buffer');
    expect(Reflect.ownKeys(key)).toEqual(['id']);
  });

  it('derives the same key for the same purpose, and another for another purpose or key', () => {
    const derive = (from: FernetKey, purpose: string): string =>
      from.derive(purpose).export().toString('hex');
    expect(derive(key, 'a')).toBe(derive(FernetKey.parse(KEY_TEXT), 'a'));
    expect(derive(key, 'a')).not.toBe(derive(key, 'b'));
    expect(derive(key, 'a')).not.toBe(derive(FernetKey.parse(FernetKey.generate()), 'a'));
    expect(derive(key, 'a')).toHaveLength(64);
  });
});

describe('fernetEncrypt and fernetDecrypt', () => {
  it.each([0, 1, 15, 16, 17, 31, 32, 33, 4096])('give back a text of %i bytes', (length) => {
    const text = 'x'.repeat(length);
    expect(fernetDecrypt(key, fernetEncrypt(key, text))).toBe(text);
  });

  it.each(['é€😀', '\uFEFFbegins with a byte order mark', 'nul\0inside', '\uFFFD'])(
    'give back %j exactly',
    (text) => {
      expect(fernetDecrypt(key, fernetEncrypt(key, text))).toBe(text);
    },
  );

  it('write another token for the same text each time', () => {
    expect(new Set(Array.from({ length: 50 }, () => fernetEncrypt(key, 'same'))).size).toBe(50);
  });

  it('write the time in whole seconds', () => {
    const token = fernetEncrypt(key, 'x', { now: new Date(1_700_000_000_999) });
    expect(Buffer.from(token, 'base64url').readBigUInt64BE(1)).toBe(1_700_000_000n);
  });

  it('refuse to encrypt what UTF-8 cannot carry, without quoting it', () => {
    const error = caught(() => fernetEncrypt(key, 'half\uD83D'));
    expect(error).toBeInstanceOf(UnencryptableText);
    expect(everyText(error)).not.toContain('half');
  });

  it('refuse a time or an IV that a token cannot hold', () => {
    const bad = [
      { now: new Date(NaN) },
      { now: new Date(-1) },
      { iv: Buffer.alloc(15) },
      { iv: Buffer.alloc(17) },
    ];
    // By name: an error thrown inside Node is of another realm than Jest's RangeError.
    for (const options of bad) expect(caught(() => fernetEncrypt(key, 'x', options)).name).toBe('RangeError');
  });

  it('refuse a token made with another key', () => {
    const token = fernetEncrypt(FernetKey.parse(FernetKey.generate()), 'x');
    expect(() => fernetDecrypt(key, token)).toThrow(InvalidFernetToken);
  });
});

describe('a changed token', () => {
  // These lengths of text give tokens that end in each of the three paddings: '', '=' and '=='.
  const tokens = [15, 16, 32].map((length) => fernetEncrypt(key, 's'.repeat(length)));

  it('is covered in all three paddings', () => {
    expect(tokens.map((token) => token.replace(/^[^=]*/, '')).sort()).toEqual(['', '=', '==']);
  });

  it.each(tokens)('fails for every other character at every position (%#)', (token) => {
    const others = [...BASE64URL, '=', '+', '/', '%', ' ', '\n', '\0', '\u0141', '😀'];
    for (let at = 0; at < token.length; at++) {
      for (const other of others) {
        if (other === token[at]) continue;
        const changed = token.slice(0, at) + other + token.slice(at + 1);
        expect(caught(() => fernetDecrypt(key, changed))).toBeInstanceOf(InvalidFernetToken);
      }
    }
  });

  it.each(tokens)('fails for every bit of every byte (%#)', (token) => {
    const bytes = Buffer.from(token, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(caught(() => fernetDecrypt(key, padded(changed)))).toBeInstanceOf(InvalidFernetToken);
    }
  });

  it.each(tokens)('fails when it is cut anywhere or has anything added (%#)', (token) => {
    const bytes = Buffer.from(token, 'base64url');
    const changed = [
      ...Array.from({ length: token.length }, (_, length) => token.slice(0, length)),
      ...Array.from({ length: bytes.length }, (_, length) => padded(bytes.subarray(0, length))),
      ...['=', '==', 'A', '\n', ' '].flatMap((more) => [token + more, more + token]),
      token + token,
    ];
    for (const text of changed) {
      expect(caught(() => fernetDecrypt(key, text))).toBeInstanceOf(InvalidFernetToken);
    }
  });
});

describe('a token with a right HMAC', () => {
  it('is read when all else is right too', () => {
    expect(fernetDecrypt(key, makeToken(Buffer.from('text')))).toBe('text');
  });

  it('fails when its version is not 0x80', () => {
    expect(() => fernetDecrypt(key, makeToken(Buffer.from('text'), 0x81))).toThrow(InvalidFernetToken);
  });

  it('fails when its ciphertext is not whole blocks, or has none', () => {
    expect(() => fernetDecrypt(key, makeToken(Buffer.alloc(20), 0x80, 1))).toThrow(InvalidFernetToken);
    expect(() => fernetDecrypt(key, makeToken(Buffer.alloc(4), 0x80, 16))).toThrow(InvalidFernetToken);
  });

  it('fails when its padding is lost', () => {
    expect(() => fernetDecrypt(key, makeToken(Buffer.alloc(20), 0x80, 16))).toThrow(InvalidFernetToken);
  });

  // What OpenSSL says of the same blocks is the standard. One key opens them all: none may leave a trace for the next.
  it('opens or fails as by CBC and padding of OpenSSL, whatever its last bytes are', () => {
    const tail = fc.tuple(fc.integer({ min: 0, max: 17 }), fc.integer({ min: 1, max: 17 }));
    const text = fc.uint8Array({ minLength: 48, maxLength: 48 });
    let opened = 0;
    fc.assert(
      fc.property(text, tail, fc.integer({ min: 1, max: 3 }), (bytes, [value, times], blocks) => {
        const padded = Buffer.from(bytes.map((byte) => byte & 0x7f)).subarray(0, blocks * 16);
        padded.fill(value, padded.length - Math.min(times, 16));
        const token = makeToken(padded, 0x80, 16);
        const expected = openedByOpenssl(token);
        opened += expected === undefined ? 0 : 1;
        if (expected === undefined) expect(() => fernetDecrypt(key, token)).toThrow(InvalidFernetToken);
        else expect(fernetDecrypt(key, token)).toBe(expected);
      }),
      { numRuns: 1000 },
    );
    expect(opened).toBeGreaterThan(100);
    expect(opened).toBeLessThan(900);
  });

  it('fails when its text is not UTF-8', () => {
    expect(() => fernetDecrypt(key, makeToken(Buffer.from([0x61, 0xff])))).toThrow(InvalidFernetToken);
  });
});

describe('the age of a token', () => {
  const token = fernetEncrypt(key, 'x', { now: new Date(1_000_000) });
  const at = (seconds: number): { now: Date } => ({ now: new Date(seconds * 1000) });

  it('does not matter without a TTL, not even in the far future', () => {
    expect(fernetDecrypt(key, token, at(9_000_000_000))).toBe('x');
    expect(fernetDecrypt(key, token, at(0))).toBe('x');
  });

  it('may reach the TTL and not pass it', () => {
    expect(fernetDecrypt(key, token, { ...at(1060), ttlSeconds: 60 })).toBe('x');
    expect(() => fernetDecrypt(key, token, { ...at(1061), ttlSeconds: 60 })).toThrow(InvalidFernetToken);
  });

  it('may lie in the future by the clock skew, 60 s unless given, and no more', () => {
    expect(fernetDecrypt(key, token, { ...at(940), ttlSeconds: 1 })).toBe('x');
    expect(() => fernetDecrypt(key, token, { ...at(939), ttlSeconds: 1 })).toThrow(InvalidFernetToken);
    const skewed = { ttlSeconds: 1, maxClockSkewSeconds: 5 };
    expect(fernetDecrypt(key, token, { ...at(995), ...skewed })).toBe('x');
    expect(() => fernetDecrypt(key, token, { ...at(994), ...skewed })).toThrow(InvalidFernetToken);
  });

  it('refuses the token when a limit or the time is not a number', () => {
    expect(() => fernetDecrypt(key, token, { ...at(1000), ttlSeconds: NaN })).toThrow(InvalidFernetToken);
    expect(() => fernetDecrypt(key, token, { now: new Date(NaN), ttlSeconds: 60 })).toThrow(
      InvalidFernetToken,
    );
    expect(() =>
      fernetDecrypt(key, token, { ...at(1000), ttlSeconds: 60, maxClockSkewSeconds: NaN }),
    ).toThrow(InvalidFernetToken);
  });
});

describe('InvalidFernetToken', () => {
  it('says the same for every reason, and holds neither token, text nor key', () => {
    const token = fernetEncrypt(key, 'the secret text', { now: new Date(0) });
    const errors = [
      caught(() => fernetDecrypt(key, `${token}%`)),
      caught(() => fernetDecrypt(key, '')),
      caught(() => fernetDecrypt(FernetKey.parse(FernetKey.generate()), token)),
      caught(() => fernetDecrypt(key, token, { ttlSeconds: 1 })),
      caught(() => fernetDecrypt(key, makeToken(Buffer.from([0x61, 0xff])))),
      caught(() => fernetDecrypt(key, makeToken(Buffer.alloc(20), 0x80, 16))),
    ];
    expect(new Set(errors.map((error) => `${error.name}: ${error.message}`)).size).toBe(1);
    for (const error of errors) {
      expect(error.cause).toBeUndefined();
      const shown = everyText(error);
      for (const hidden of [token.slice(20, 40), 'the secret text', KEY_TEXT.slice(5, 15)]) {
        expect(shown).not.toContain(hidden);
      }
    }
  });
});
