import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const SECRET = /^[\w-]{43}$/;

/** 256 random bits: 43 characters that fit into a URL, a header or a cookie as they are. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** Whether it has the form of such a secret. */
export function mayBeSecret(text: string): boolean {
  return SECRET.test(text);
}

/**
 * What is kept of such a secret: one round of SHA-256, no salt. There is no dictionary of 256 random bits to try, and no
 * two are alike. A password hash would cost each request some 20 ms and protect nothing more.
 */
export function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** In a time that says nothing about how much of it is right. */
export function matchesHash(secret: string, hash: Buffer): boolean {
  return timingSafeEqual(hashOf(secret), hash);
}
