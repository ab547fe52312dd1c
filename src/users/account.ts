import type { Role } from '../http/auth/auth-user.js';

/** What other features may know of a user. */
export interface Account {
  readonly id: number;
  /** Trimmed and lower-case. */
  readonly email: string;
  readonly role: Role;
}

export interface AccountWithPassword extends Account {
  /** PHC string; null for somebody who signs in elsewhere. */
  readonly passwordHash: string | null;
}
