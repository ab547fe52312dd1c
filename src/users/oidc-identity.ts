import { createHash } from 'node:crypto';

/** Who an OpenID provider says somebody is. */
export interface OidcIdentity {
  readonly issuer: string;
  /** Unique and never given to another person, within the issuer. */
  readonly subject: string;
  /** Confirmed by the issuer; null without one. */
  readonly email: string | null;
}

const PLACEHOLDER_DOMAIN = 'oidc.invalid';
const EMAIL = /^[\x21-\x3f\x41-\x7e]{1,64}@[A-Za-z0-9.-]{1,255}$/;

/** Whether an address can stand in `users.email`. ASCII, so that PostgreSQL and we agree on its lower case. */
export function isPlaceable(email: string | null): email is string {
  return email !== null && email.length <= 320 && EMAIL.test(email);
}

/** For somebody without a usable address. `.invalid` (RFC 2606) is nobody's, so no message can go astray. */
export function placeholderEmail({ issuer, subject }: OidcIdentity): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([issuer, subject]))
    .digest('hex');
  return `${digest.slice(0, 32)}@${PLACEHOLDER_DOMAIN}`;
}

/** Whether an address is kept free for an OpenID identity, who would be locked out if somebody else had it. */
export function isPlaceholder(email: string): boolean {
  return email.toLowerCase().endsWith(`@${PLACEHOLDER_DOMAIN}`);
}
