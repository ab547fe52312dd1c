import { randomBytes } from 'node:crypto';

/** After this time another process may fill the entry. */
export const LEASE_MS = 5000;

export function leaseToken(): string {
  return randomBytes(12).toString('base64url');
}
