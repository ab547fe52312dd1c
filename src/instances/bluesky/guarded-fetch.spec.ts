import { expect, it } from '@jest/globals';
import { BlockedAddress } from '../guarded-http.errors.js';
import { GuardedHttp } from '../guarded-http.js';
import { guardedFetch } from './guarded-fetch.js';

const fetch = guardedFetch(new GuardedHttp({ allowlist: new Set(), userAgent: 'test' }));

it.each(['http://169.254.169.254/latest', 'https://127.0.0.1/', 'https://localhost/', 'http://example.org/'])(
  'asks no address that the guard refuses: %s',
  async (url) => {
    await expect(fetch(url)).rejects.toThrow(BlockedAddress);
  },
);

it('sends no other method than the library uses', async () => {
  await expect(fetch('https://example.org/', { method: 'DELETE' })).rejects.toThrow('Only GET and POST');
});
