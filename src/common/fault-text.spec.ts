import { describe, expect, it } from '@jest/globals';
import { DatabaseError } from 'pg-protocol';
import { QueryFailedError } from 'typeorm';
import { InvalidField } from './domain-error.js';
import { faultText } from './fault-text.js';

const ROW = 'hunter2-secret-value';

function refusal(): DatabaseError {
  const error = new DatabaseError(`invalid input syntax for type integer: "${ROW}"`, 100, 'error');
  return Object.assign(error, { severity: 'ERROR', code: '22P02' });
}

describe('faultText', () => {
  it('says what an error says', () => {
    expect(faultText(new TypeError('no such property'))).toBe('TypeError: no such property');
    expect(faultText('text')).toBe('text');
    const timeout = new Error('Query read timeout');
    expect(faultText(new QueryFailedError('SELECT $1', [ROW], timeout))).toContain('Query read timeout');
  });

  it("says only the code of PostgreSQL's errors, which can quote a row, and of ours", () => {
    expect(faultText(refusal())).toBe('database error 22P02');
    expect(faultText(new QueryFailedError('SELECT $1', [ROW], refusal()))).toBe('database error 22P02');
    expect(faultText(new InvalidField([{ pointer: '', detail: ROW }]))).toBe('validation_failed');
  });
});
