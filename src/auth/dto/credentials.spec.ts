import { describe, expect, it } from '@jest/globals';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { LoginDto } from './login.dto.js';
import { RegisterDto } from './register.dto.js';

const VALID = { email: 'ada@example.org', password: 'x'.repeat(12) };

function faults(type: typeof LoginDto | typeof RegisterDto, change: object): string[] {
  const dto = plainToInstance<LoginDto | RegisterDto, object>(type, { ...VALID, ...change });
  return validateSync(dto).map((error) => error.property);
}

describe('RegisterDto', () => {
  it.each([
    {},
    { email: '  Ada@Example.org ' },
    { password: 'x'.repeat(128) },
    { password: '🔑'.repeat(12) },
    { password: ' '.repeat(12) },
  ])('accepts %j', (change) => {
    expect(faults(RegisterDto, change)).toEqual([]);
  });

  it.each([
    'ada',
    'ada@',
    '@example.org',
    'a\0da@example.org',
    `${'a'.repeat(309)}@example.org`,
    'what-an-openid-identity-may-get@oidc.invalid',
    ' ADA@OIDC.Invalid ',
    '',
    null,
    7,
    ['ada@example.org'],
    { $ne: null },
  ])('refuses the address %j', (email) => {
    expect(faults(RegisterDto, { email })).toEqual(['email']);
  });

  it.each(['x'.repeat(11), 'x'.repeat(129), '', null, 123_456_789_012, ['x'.repeat(12)]])(
    'refuses the password %j',
    (password) => {
      expect(faults(RegisterDto, { password })).toEqual(['password']);
    },
  );
});

describe('LoginDto', () => {
  it('takes a password that is too short for an account: it is wrong, not malformed', () => {
    expect(faults(LoginDto, { password: 'x' })).toEqual([]);
  });

  it.each(['', 'x'.repeat(129), null])('refuses the password %j', (password) => {
    expect(faults(LoginDto, { password })).toEqual(['password']);
  });
});
