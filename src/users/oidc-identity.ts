import { createHash } from 'node:crypto';

/** A user's identity at an OpenID provider. */
export interface OidcIdentity {
  readonly issuer: string;
  /** Unique within the issuer, and never reassigned to another person. */
  readonly subject: string;
  /** Verified by the issuer. Null if there is no verified address. */
  readonly email: string | null;
}

const PLACEHOLDER_DOMAIN = 'oidc.invalid';
const EMAIL = /^[\x21-\x3f\x41-\x7e]{1,64}@[A-Za-z0-9.-]{1,255}$/;

/** Whether an address can be stored in `users.email`. ASCII only, so PostgreSQL and JavaScript agree on its lower case. */
export function isStorable(email: string | null): email is string {
  return email !== null && email.length <= 320 && EMAIL.test(email);
}

/** For users without a usable address. Nobody can own a `.invalid` domain (RFC 2606), so no mail reaches a stranger. */
export function placeholderEmail({ issuer, subject }: OidcIdentity): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([issuer, subject]))
    .digest('hex');
  return `${digest.slice(0, 32)}@${PLACEHOLDER_DOMAIN}`;
}

/** Whether an address is reserved for an OpenID identity. If someone else registered it, that identity would be locked out. */
export function isPlaceholder(email: string): boolean {
  return email.toLowerCase().endsWith(`@${PLACEHOLDER_DOMAIN}`);
}
