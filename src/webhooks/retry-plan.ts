const MINUTE = 60;
const HOUR = 3600;
/** Seconds before each repetition, as Standard Webhooks proposes them. */
const WAITS = [5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR];
/** How long a message that is not accepted is tried. */
export const RETRIED_SECONDS = 24 * HOUR;
const LONGEST_RETRY_AFTER = HOUR;

/**
 * Seconds until the next attempt; null when there is none.
 *
 * @param attempts that have failed, at least one.
 * @param failingSeconds since the first of them.
 * @param retryAfterSeconds what the receiver asked for.
 * @param random from 0 to 1: what failed together is not repeated together.
 */
export function nextWait(
  attempts: number,
  failingSeconds: number,
  retryAfterSeconds: number | null,
  random: number,
): number | null {
  const left = RETRIED_SECONDS - failingSeconds;
  if (left <= 0) return null;
  const planned = (WAITS[attempts - 1] ?? RETRIED_SECONDS) * (0.9 + 0.2 * random);
  const asked = Math.min(retryAfterSeconds ?? 0, LONGEST_RETRY_AFTER);
  // The last attempt comes when the time is over, not before: a receiver may be back by then.
  return Math.min(Math.max(planned, asked), left);
}
