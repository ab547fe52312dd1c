import type { InstanceAccount } from './account.js';
import type { RateLimit } from './rate-limit.js';

/** What the test of a connection can find. */
export const CHECK_OUTCOMES = [
  'connected',
  'token_invalid',
  'scope_missing',
  'account_disabled',
  'account_pending',
  'rate_limited',
  'instance_unreachable',
  'instance_error',
  'not_an_instance',
  'identity_mismatch',
  'blocked_address',
  'needs_reconnect',
] as const;
export type CheckOutcome = (typeof CHECK_OUTCOMES)[number];

export interface AccountCheck {
  readonly outcome: CheckOutcome;
  /** Milliseconds of the one request that counts; null when none was answered. */
  readonly latencyMs: number | null;
  readonly account: InstanceAccount | null;
  readonly rateLimit: RateLimit | null;
  readonly checkedAt: Date;
  /** For people: what was found, and what to do about it. */
  readonly detail: string;
}

export const DETAILS: Readonly<Record<CheckOutcome, string>> = {
  connected: 'The instance knows the token and its account.',
  token_invalid: 'The instance does not accept the access token. Connect the account again.',
  scope_missing:
    'The access token may not read its own account. Connect again with the scopes that are needed.',
  account_disabled: 'The account is disabled at its instance.',
  account_pending: 'The account is not confirmed or not approved yet at its instance.',
  rate_limited: 'The instance asks to be left alone for a while. Try again later.',
  instance_unreachable: 'The instance cannot be reached.',
  instance_error: 'The instance answered with an error, or with something that cannot be understood.',
  not_an_instance: 'A server answers here, but it is not a Fediverse instance.',
  identity_mismatch: 'The access token belongs to another account than the username says.',
  blocked_address: 'This address is not one that may be connected to.',
  needs_reconnect: 'The stored credentials can no longer be opened. Connect the account again.',
};
