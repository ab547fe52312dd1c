import type { ActivityOfDay } from '../api/client.js';

const DAY_MS = 86_400_000;

/**
 * As many days, to `today`, with those on which nothing was done: a line from one day to the next that there is would
 * pass over them. A clock that is behind the server's does not hide its last day.
 */
export function everyDay(known: readonly ActivityOfDay[], days: number, today: Date): ActivityOfDay[] {
  const byDate = new Map(known.map((one) => [one.date, one]));
  const last = Math.max(today.getTime(), Date.parse(known.at(-1)?.date ?? '1970-01-01'));
  return Array.from({ length: days }, (_, index) => {
    const date = new Date(last - (days - 1 - index) * DAY_MS).toISOString().slice(0, 10);
    return byDate.get(date) ?? { date, posts: 0, images: 0, processingRuns: 0 };
  });
}
