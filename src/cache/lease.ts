import { randomBytes } from 'node:crypto';

/** Longest time that a filler may take before another one may try, in milliseconds. */
export const LEASE_MS = 5000;

export function leaseToken(): string {
  return randomBytes(12).toString('base64url');
}
