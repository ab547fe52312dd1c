import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { FernetKey, UnencryptableText, fernetDecrypt, fernetEncrypt } from './fernet.js';
import { KeyRing, MalformedKeyRing, UndecryptableSecret } from './key-ring.js';
import type { SealedRow } from './seal.js';

const [newText, oldText, lostText] = [FernetKey.generate(), FernetKey.generate(), FernetKey.generate()];
const [newKey, oldKey, lostKey] = [newText, oldText, lostText].map((text) => FernetKey.parse(text)) as [
  FernetKey,
  FernetKey,
  FernetKey,
];
const ring = new KeyRing([newKey, oldKey]);

const row = (changes: Partial<SealedRow> = {}): SealedRow => ({
  userId: 1,
  platformId: 2,
  instanceUrl: 'https://mastodon.social',
  username: 'alice',
  accessToken: 'token-ciphertext',
  clientKey: 'key-ciphertext',
  clientSecret: 'secret-ciphertext',
  ...changes,
});

const caught = (act: () => unknown): Error => {
  try {
    act();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('Nothing was thrown.');
};

describe('KeyRing.parse', () => {
  it('reads keys newest first and ignores white space around them', () => {
    const parsed = KeyRing.parse(` ${newText} ,\n${oldText}\n`);
    expect(parsed.primaryKeyId).toBe(newKey.id);
    expect(parsed.keyIds).toEqual([newKey.id, oldKey.id]);
  });

  it.each([
    ['nothing', '', 'Key 1 of 1 of the key ring is empty.'],
    ['an empty key', `${newText},,${oldText}`, 'Key 2 of 3 of the key ring is empty.'],
    ['a comma at the end', `${newText},`, 'Key 2 of 2 of the key ring is empty.'],
    ['a malformed key', `${newText},${oldText}x`, 'Key 2 of 2 of the key ring is malformed.'],
    ['a repeated key', `${newText},${oldText},${newText}`, 'Keys 1 and 3 of the key ring are the same.'],
  ])('refuses %s and says where, without quoting a key', (_, text, message) => {
    const error = caught(() => KeyRing.parse(text));
    expect(error).toBeInstanceOf(MalformedKeyRing);
    expect(error.message).toContain(message);
    const shown = inspect(error, { showHidden: true, depth: null });
    for (const secret of [newText, oldText]) expect(shown).not.toContain(secret.slice(0, 10));
  });

  it('refuses a ring without keys', () => {
    expect(() => new KeyRing([])).toThrow(MalformedKeyRing);
  });
});

describe('KeyRing', () => {
  it('encrypts with its first key to a token that any Fernet implementation reads', () => {
    expect(fernetDecrypt(newKey, ring.encrypt('secret'))).toBe('secret');
  });

  it.each([
    ['no hint', undefined],
    ['the right hint', oldKey.id],
    ['a wrong hint', newKey.id],
    ['an unknown hint', lostKey.id],
  ])('decrypts what an older key encrypted, with %s', (_, hint) => {
    expect(ring.decrypt(fernetEncrypt(oldKey, 'secret'), hint)).toBe('secret');
  });

  it('reports a secret whose key has left the ring, and shows neither secret nor token', () => {
    const token = fernetEncrypt(lostKey, 'the secret text');
    const error = caught(() => ring.decrypt(token, newKey.id));
    expect(error).toBeInstanceOf(UndecryptableSecret);
    const shown = inspect(error, { showHidden: true, depth: null });
    for (const hidden of ['the secret text', token.slice(10, 30)]) expect(shown).not.toContain(hidden);
  });

  it('reports a damaged secret', () => {
    expect(() => ring.decrypt(ring.encrypt('secret').slice(4))).toThrow(UndecryptableSecret);
    expect(() => ring.decrypt('')).toThrow(UndecryptableSecret);
  });

  it('passes on that a text cannot be encrypted', () => {
    expect(() => ring.encrypt('\uD800')).toThrow(UnencryptableText);
  });

  it('shows the ids of its keys and nothing else of them', () => {
    const shown = inspect(ring, { showHidden: true, depth: null }) + JSON.stringify(ring);
    expect(shown).toContain(newKey.id);
    expect(shown).not.toContain('Buffer');
    expect(shown).not.toContain('KeyObject');
    for (const secret of [newText, oldText]) expect(shown).not.toContain(secret.slice(0, 10));
  });

  it('lets nobody change its list of ids', () => {
    expect(() => (ring.keyIds as string[]).push('x')).toThrow(TypeError);
  });
});

describe('a seal', () => {
  it('is 43 characters of base64url, and the same in every process with the key', () => {
    const seal = ring.seal(row());
    expect(seal).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(KeyRing.parse(newText).seal(row())).toBe(seal);
  });

  it('is made under the primary key and verifies under its own key only', () => {
    const byNew = ring.seal(row());
    const byOld = new KeyRing([oldKey]).seal(row());
    expect(ring.verifySeal(row(), byNew, newKey.id)).toBe(true);
    expect(ring.verifySeal(row(), byOld, oldKey.id)).toBe(true);
    expect(ring.verifySeal(row(), byNew, oldKey.id)).toBe(false);
    expect(ring.verifySeal(row(), byOld, newKey.id)).toBe(false);
  });

  it.each<[string, Partial<SealedRow>]>([
    ['user', { userId: 3 }],
    ['platform', { platformId: 3 }],
    ['host', { instanceUrl: 'https://evil.example' }],
    ['account', { username: 'mallory' }],
    ['removed username', { username: null }],
    ['access token', { accessToken: 'other' }],
    ['client key', { clientKey: 'other' }],
    ['client secret', { clientSecret: 'other' }],
    ['removed client key', { clientKey: null }],
    ['removed client secret', { clientSecret: null }],
    ['exchange of two ids', { userId: 2, platformId: 1 }],
    ['exchange of two ciphertexts', { clientKey: 'secret-ciphertext', clientSecret: 'key-ciphertext' }],
    ['text moved over a field boundary', { clientKey: 'key-', clientSecret: 'ciphertextsecret-ciphertext' }],
    ['forged field boundary', { accessToken: 'token-ciphertext","key-ciphertext' }],
  ])('breaks with another row: %s', (_, changes) => {
    expect(ring.seal(row(changes))).not.toBe(ring.seal(row()));
    expect(ring.verifySeal(row(changes), ring.seal(row()), newKey.id)).toBe(false);
  });

  it('tells null from an empty text, and from the word', () => {
    const seals = [null, '', 'null'].map((clientKey) => ring.seal(row({ clientKey })));
    expect(new Set(seals).size).toBe(3);
  });

  it('breaks for both rows when their ciphertexts are swapped, though each still decrypts', () => {
    const mine = row({ userId: 1, platformId: 1, accessToken: ring.encrypt('mine') });
    const theirs = row({ userId: 2, platformId: 2, accessToken: ring.encrypt('theirs') });
    const [mySeal, theirSeal] = [ring.seal(mine), ring.seal(theirs)];

    const mineSwapped = { ...mine, accessToken: theirs.accessToken };
    const theirsSwapped = { ...theirs, accessToken: mine.accessToken };
    expect(ring.decrypt(mineSwapped.accessToken)).toBe('theirs');
    expect(ring.verifySeal(mineSwapped, mySeal, newKey.id)).toBe(false);
    expect(ring.verifySeal(theirsSwapped, theirSeal, newKey.id)).toBe(false);
    expect(ring.verifySeal(mineSwapped, theirSeal, newKey.id)).toBe(false);
  });

  it('does not verify, and does not throw, under a key that the ring lacks', () => {
    expect(ring.verifySeal(row(), new KeyRing([lostKey]).seal(row()), lostKey.id)).toBe(false);
    expect(ring.verifySeal(row(), ring.seal(row()), '')).toBe(false);
  });

  it('does not verify, and does not throw, when any one character differs or it is malformed', () => {
    const seal = ring.seal(row());
    const changed = [
      ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=\u0141\n',
    ].flatMap((other) => Array.from(seal, (_, at) => seal.slice(0, at) + other + seal.slice(at + 1)));
    const malformed = ['', 'A', `${seal}=`, `${seal}\n`, seal.slice(1), '😀'.repeat(11), '€'.repeat(43)];
    for (const text of [...changed, ...malformed]) {
      expect(ring.verifySeal(row(), text, newKey.id)).toBe(text === seal);
    }
  });

  it.each([NaN, 1.5, Infinity, '1' as unknown as number])('is never made for an id of %p', (id) => {
    expect(() => ring.seal(row({ userId: id }))).toThrow(RangeError);
    expect(() => ring.seal(row({ platformId: id }))).toThrow(RangeError);
  });
});
