import type { ActivityOfDay } from '../api/client.js';

const DAY_MS = 86_400_000;

/**
 * As many days, to `today`, with those on which nothing was done: a line from one day to the next that there is would
 * pass over them. A clock that is behind the server's does not hide its last day.
 */
export function everyDay(known: readonly ActivityOfDay[], days: number, today: Date): ActivityOfDay[] {
  const byDay = new Map(known.map((one) => [one.day, one]));
  const last = Math.max(today.getTime(), Date.parse(known.at(-1)?.day ?? '1970-01-01'));
  return Array.from({ length: days }, (_, index) => {
    const day = new Date(last - (days - 1 - index) * DAY_MS).toISOString().slice(0, 10);
    return byDay.get(day) ?? { day, posts: 0, images: 0, processingRuns: 0 };
  });
}
