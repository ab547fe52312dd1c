import type { Role } from '../http/auth/auth-user.js';

/** The part of a user that other features see. */
export interface Account {
  readonly id: number;
  /** Trimmed and lower-case. */
  readonly email: string;
  readonly role: Role;
}

/** With whether somebody has opened a link that was sent to its address. */
export interface VerifiableAccount extends Account {
  readonly emailVerified: boolean;
}

/** Who an account belongs to, for an operator. */
export interface AccountOrigin extends Account {
  /** Null for an account with a password. */
  readonly oidcIssuer: string | null;
  readonly createdAt: Date;
}

export interface AccountWithPassword extends Account {
  /** PHC string. Null for users who sign in with the OpenID provider. */
  readonly passwordHash: string | null;
  readonly disabled: boolean;
  /** Has asked for the deletion of the account. */
  readonly leaving: boolean;
}
