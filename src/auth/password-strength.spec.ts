import { describe, expect, it } from '@jest/globals';
import { isEasyToGuess } from './password-strength.js';

const EMAIL = 'ada.lovelace@engines.example';

describe('a password', () => {
  it.each([
    'password1234',
    'Passw0rd1234',
    'aaaaaaaaaaaa',
    ' '.repeat(12),
    '🔑'.repeat(12),
    '123456789012',
    'qwertyuiopas',
    'abcdefghijkl',
    'passwordpassword',
    'letmeinletmein',
    'iloveyou1234',
    EMAIL,
    'Lovelace1234',
    'x'.repeat(128),
  ])('like %j is easy to guess', async (password) => {
    expect(await isEasyToGuess(password, EMAIL)).toBe(true);
  });

  it.each([
    'correct horse battery staple',
    'gzP4-fd8s-Qq21',
    'lösenord för mitt fjäll',
    `${'x'.repeat(20)}-9fK2-mmW7-aPq1`,
  ])('like %j is not', async (password) => {
    expect(await isEasyToGuess(password, EMAIL)).toBe(false);
  });
});
