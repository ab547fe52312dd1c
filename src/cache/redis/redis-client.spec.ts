import { expect, it } from '@jest/globals';
import { createSingleClient } from './redis-client.js';

it('makes the class of its clients once, not for each address', () => {
  const [one, other] = [1, 2].map((port) => createSingleClient(`redis://127.0.0.1:${port}`).constructor);
  expect(one).toBe(other);
});
