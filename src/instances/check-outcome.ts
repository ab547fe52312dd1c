import type { InstanceAccount } from './account.js';
import type { RateLimit } from './rate-limit.js';
import type { SoftwareLabels } from './software.js';

/** Every result that a connection test can have. */
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
  'instance_blocks_programs',
  'instance_moved',
  'instance_gone',
  'identity_mismatch',
  'account_moved',
  'blocked_address',
  'needs_reconnect',
] as const;
export type CheckOutcome = (typeof CHECK_OUTCOMES)[number];

/** What is wrong is the instance, with all of its connections. */
export const OF_INSTANCE: readonly string[] = [
  'instance_unreachable',
  'instance_error',
  'instance_blocks_programs',
] satisfies CheckOutcome[];

export interface AccountCheck {
  readonly outcome: CheckOutcome;
  /** Milliseconds that the request took; null if it got no response. */
  readonly latencyMs: number | null;
  readonly account: InstanceAccount | null;
  /** What runs at the instance; null if it was not asked or did not say. */
  readonly labels: SoftwareLabels | null;
  readonly rateLimit: RateLimit | null;
  readonly checkedAt: Date;
  /** For the user: what was found and what to do about it. */
  readonly detail: string;
}

export const DETAILS: Readonly<Record<CheckOutcome, string>> = {
  connected: 'The instance accepts the access token.',
  token_invalid: 'The instance does not accept the access token. Reconnect the account.',
  scope_missing: 'The access token lacks the scope to read the account. Reconnect with the required scopes.',
  account_disabled: 'The instance has disabled the account.',
  account_pending: 'The account has not been confirmed or approved at its instance yet.',
  rate_limited: 'The instance is limiting requests. Try again later.',
  instance_unreachable: 'The instance cannot be reached.',
  instance_error: 'The instance answered with an error or an invalid response.',
  not_an_instance: 'This server is not a Fediverse instance.',
  instance_blocks_programs:
    'The instance shows a page for browsers and does not let programs in. Ask its administrators to allow API requests.',
  instance_moved: 'The instance is not at this address.',
  instance_gone: 'The name of the instance has not existed for 30 days. It is looked for once a week.',
  identity_mismatch: 'The access token belongs to a different account, not to this username.',
  account_moved: 'The account has moved. Connect the new one.',
  blocked_address: 'Connections to this address are not allowed.',
  needs_reconnect: 'The stored credentials can no longer be decrypted. Reconnect the account.',
};

/** Whether the instance accepted the token of the account that was expected. */
export function isRightAccount(outcome: CheckOutcome): boolean {
  return outcome === 'connected' || outcome === 'account_moved';
}
