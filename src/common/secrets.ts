import { hash, randomBytes, timingSafeEqual } from 'node:crypto';

const SECRET = /^[\w-]{43}$/;

/** 256 random bits as 43 characters that need no escaping in a URL, a header or a cookie. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** Whether `text` has the form of such a secret. */
export function mayBeSecret(text: string): boolean {
  return SECRET.test(text);
}

/**
 * The stored form of such a secret: one round of SHA-256, without a salt. Nobody can try a dictionary of 256 random bits,
 * and no two secrets are equal. A password hash would cost each request some 20 ms and protect nothing more.
 */
export function hashOf(secret: string): Buffer {
  // At once: an object for the hash would cost as much again, at each request with an API key.
  return hash('sha256', secret, 'buffer');
}

/** Compares in constant time, so timing does not reveal how much of the secret is right. */
export function matchesHash(secret: string, stored: Buffer): boolean {
  return timingSafeEqual(hashOf(secret), stored);
}
