import { createRequire } from 'node:module';
import { describe, expect, it } from '@jest/globals';
import { FernetKey, fernetDecrypt, fernetEncrypt } from './fernet.js';

/** The `fernet` package: JavaScript on crypto-js, written by others, without types. */
interface OtherFernet {
  Secret: new (key: string) => object;
  Token: new (options: { secret: object; token?: string; ttl?: number }) => {
    encode(message: string): string;
    decode(): string;
  };
}

const other = createRequire(import.meta.url)('fernet') as OtherFernet;

const encryptThere = (key: string, text: string): string =>
  new other.Token({ secret: new other.Secret(key) }).encode(text);

/** A TTL of zero is none. */
const decryptThere = (key: string, token: string): string =>
  new other.Token({ secret: new other.Secret(key), token, ttl: 0 }).decode();

const TEXTS = [
  'x',
  'a-mastodon-access-token_0123456789',
  'fifteen letters',
  'sixteen letters!',
  'umlauts äöü, € and 😀',
  `long ${'0123456789abcdef'.repeat(256)}`,
];

describe('another implementation of Fernet', () => {
  // Random keys and IVs: both alphabets' special characters, and every padding, turn up.
  const keys = Array.from({ length: 20 }, () => FernetKey.generate());

  it.each(TEXTS)('writes tokens that are read here (%#)', (text) => {
    for (const key of keys) expect(fernetDecrypt(FernetKey.parse(key), encryptThere(key, text))).toBe(text);
  });

  it.each(TEXTS)('reads the tokens that are written here (%#)', (text) => {
    for (const key of keys) expect(decryptThere(key, fernetEncrypt(FernetKey.parse(key), text))).toBe(text);
  });

  it('refuses, as we do, a token of another key', () => {
    const [one = '', two = ''] = keys;
    expect(() => decryptThere(two, fernetEncrypt(FernetKey.parse(one), 'text'))).toThrow('HMAC');
    expect(() => fernetDecrypt(FernetKey.parse(two), encryptThere(one, 'text'))).toThrow();
  });
});
