import { describe, expect, it } from '@jest/globals';
import { misspelt } from './misspelt.js';

const SETTINGS = ['DATABASE_URL', 'REDIS_URL', 'PORT', 'CORS_ORIGINS'];

describe('a variable', () => {
  it.each([
    ['DATABSE_URL', 'DATABASE_URL'],
    ['DATABASE_URLL', 'DATABASE_URL'],
    ['DATABASE_URI', 'DATABASE_URL'],
    ['DATABAES_URL', 'DATABASE_URL'],
    ['CORS_ORIGIN', 'CORS_ORIGINS'],
    ['REDIS_URL_FIL', 'REDIS_URL_FILE'],
  ])('%s is named as what it was meant to be', (name, meant) => {
    expect(misspelt({ [name]: 'x' }, SETTINGS)).toEqual([`${name}: is no setting; ${meant} is`]);
    expect(misspelt({ [name]: 'x', [meant]: 'y' }, SETTINGS)).toEqual([]);
  });

  it.each(['POST', 'PORTS', 'DB_URL', 'DATABASE_HOST', 'DATABSE_ULR', 'REDIS_URL', 'PATH'])(
    '%s is left alone',
    (name) => {
      expect(misspelt({ [name]: 'x' }, SETTINGS)).toEqual([]);
    },
  );
});
