import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { KeyRing } from '../crypto/key-ring.js';
import { RefreshTokenCipher } from './refresh-token-cipher.js';

const key = (): string => `${randomBytes(32).toString('base64url')}=`;
const OWNER = { userId: 1, id: 2, instanceUrl: 'https://pleroma.example' };

describe('RefreshTokenCipher', () => {
  it('opens what it sealed for the same row, and nothing in another row or with another host', () => {
    const cipher = new RefreshTokenCipher(KeyRing.parse(key()));
    const sealed = cipher.encrypt(OWNER, 'refresh-token');
    expect(sealed).not.toContain('refresh-token');
    expect(cipher.decrypt(OWNER, sealed)).toBe('refresh-token');
    for (const other of [{ userId: 3 }, { id: 3 }, { instanceUrl: 'https://evil.example' }]) {
      expect(cipher.decrypt({ ...OWNER, ...other }, sealed)).toBeNull();
    }
  });

  it('opens to nothing under another key, and when it was tampered with or is no such token', () => {
    const [old, fresh] = [key(), key()];
    const ring = KeyRing.parse(old);
    const sealed = new RefreshTokenCipher(ring).encrypt(OWNER, 'refresh-token');
    expect(new RefreshTokenCipher(KeyRing.parse(`${fresh},${old}`)).decrypt(OWNER, sealed)).toBe(
      'refresh-token',
    );
    expect(new RefreshTokenCipher(KeyRing.parse(fresh)).decrypt(OWNER, sealed)).toBeNull();
    const cipher = new RefreshTokenCipher(ring);
    for (const wrong of [
      '',
      `${sealed.slice(0, -4)}AAA=`,
      ring.encrypt('refresh-token'),
      ring.encrypt('[1,2]'),
    ]) {
      expect(cipher.decrypt(OWNER, wrong)).toBeNull();
    }
  });
});
