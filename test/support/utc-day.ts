import { setTimeout as sleep } from 'node:timers/promises';

const DAY_MS = 86_400_000;

/** Waits for the next day in UTC when less than `neededMs` are left of this one, for tests that count in days from today. */
export async function withinOneUtcDay(neededMs = 45_000): Promise<void> {
  const leftMs = DAY_MS - (Date.now() % DAY_MS);
  if (leftMs < neededMs) await sleep(leftMs);
}
