import type { AccountCheck, CheckOutcome } from '../instances/check-outcome.js';

const MINUTE_MS = 60_000;
/** Soon, so that a moment's trouble can be told from an outage. */
const FIRST_BACK_OFF_MS = 10_000;
const SECOND_BACK_OFF_MS = 5 * MINUTE_MS;
const LONGEST_BACK_OFF_MS = 24 * 60 * MINUTE_MS;
const WEEK_MS = 7 * 24 * 60 * MINUTE_MS;
/** The rate limit window of Mastodon and GoToSocial. */
const USUAL_WINDOW_MS = 5 * MINUTE_MS;
const SHORTEST_PAUSE_MS = 1000;
/** A reset time further ahead comes from a wrong clock, or from an instance that wants to stop the checks. */
const LONGEST_PAUSE_MS = 60 * MINUTE_MS;
/** Checks leave this share of the rate limit to the account's owner. */
const RESERVED_SHARE = 0.1;

/**
 * The pause after `failures` consecutive failed visits to an instance.
 *
 * @param random from 0 to 1. It spreads the retries of instances that failed together.
 */
export function backOffMs(failures: number, random: number): number {
  const ms =
    failures === 1
      ? FIRST_BACK_OFF_MS
      : Math.min(SECOND_BACK_OFF_MS * 2 ** (failures - 2), LONGEST_BACK_OFF_MS);
  return Math.round(ms * (0.75 + 0.25 * random));
}

/** Time between two checks of a connection. The jitter spreads checks that an outage has made due at the same time. */
export function nextCheckMs(intervalMs: number, random: number): number {
  return Math.round(intervalMs * (0.9 + 0.2 * random));
}

/** How long to pause requests to the instance after this check; null if the visit may continue. */
export function pauseMs(
  { outcome, rateLimit }: Pick<AccountCheck, 'outcome' | 'rateLimit'>,
  now: Date,
): number | null {
  const { limit, remaining, resetsAt } = rateLimit ?? { limit: null, remaining: null, resetsAt: null };
  const scarce = remaining !== null && remaining <= (limit ?? 0) * RESERVED_SHARE;
  if (outcome !== 'rate_limited' && !scarce) return null;
  const ms = resetsAt === null ? USUAL_WINDOW_MS : resetsAt.getTime() - now.getTime();
  return Math.min(Math.max(ms, SHORTEST_PAUSE_MS), LONGEST_PAUSE_MS);
}

/** How long an instance that is gone is left alone. */
export function goneMs(random: number): number {
  return nextCheckMs(WEEK_MS, random);
}

/** What a check says about the instance: it works, it is gone, it answers with errors, or nothing. */
export function signOfLife(outcome: CheckOutcome): 'alive' | 'gone' | 'faulty' | 'none' {
  switch (outcome) {
    case 'instance_unreachable':
    case 'instance_gone':
    case 'blocked_address':
      return 'gone';
    case 'instance_error':
    case 'not_an_instance':
    case 'instance_blocks_programs':
    case 'instance_moved':
      return 'faulty';
    case 'needs_reconnect':
      return 'none';
    case 'connected':
    case 'token_invalid':
    case 'scope_missing':
    case 'account_disabled':
    case 'account_pending':
    case 'rate_limited':
    case 'identity_mismatch':
    case 'account_moved':
      return 'alive';
  }
}
