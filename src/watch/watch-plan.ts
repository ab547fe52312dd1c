import type { AccountCheck, CheckOutcome } from '../instances/check-outcome.js';

const MINUTE_MS = 60_000;
const FIRST_BACK_OFF_MS = 5 * MINUTE_MS;
const LONGEST_BACK_OFF_MS = 24 * 60 * MINUTE_MS;
/** What the limits of Mastodon and GoToSocial count in. */
const USUAL_WINDOW_MS = 5 * MINUTE_MS;
const SHORTEST_PAUSE_MS = 1000;
/** A date far ahead is a wrong clock, or an instance that wants not to be watched. */
const LONGEST_PAUSE_MS = 60 * MINUTE_MS;
/** The rest is the account owner's own. */
const RESERVED_SHARE = 0.1;

/**
 * How long an instance is left alone that was not found `failures` times in a row.
 *
 * @param random from 0 to 1: what died together is not tried together.
 */
export function backOffMs(failures: number, random: number): number {
  const ms = Math.min(FIRST_BACK_OFF_MS * 2 ** (failures - 1), LONGEST_BACK_OFF_MS);
  return Math.round(ms * (0.75 + 0.25 * random));
}

/** From one check of a connection to the next; spreads again what a long outage has pushed together. */
export function nextCheckMs(intervalMs: number, random: number): number {
  return Math.round(intervalMs * (0.9 + 0.2 * random));
}

/** How long the instance is to be left alone after this answer; null when it may be asked on. */
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

/** What a check says about the instance: it is there, nobody is, somebody answers nonsense, or nothing. */
export function signOfLife(outcome: CheckOutcome): 'alive' | 'gone' | 'ill' | 'none' {
  switch (outcome) {
    case 'instance_unreachable':
    case 'blocked_address':
      return 'gone';
    case 'instance_error':
    case 'not_an_instance':
      return 'ill';
    case 'needs_reconnect':
      return 'none';
    case 'connected':
    case 'token_invalid':
    case 'scope_missing':
    case 'account_disabled':
    case 'account_pending':
    case 'rate_limited':
    case 'identity_mismatch':
      return 'alive';
  }
}
