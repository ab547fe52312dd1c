import { z } from 'zod';
import { UndecryptableSecret } from './key-ring.js';

/** What `read` decrypts and parses. Null if no key of the ring decrypts it, or its text has another form. */
export function readable<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    const expected = [UndecryptableSecret, SyntaxError, z.ZodError];
    if (expected.some((kind) => error instanceof kind)) return null;
    throw error;
  }
}
