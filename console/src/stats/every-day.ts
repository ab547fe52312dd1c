import type { ActivityOfDay } from '../api/client.js';

const DAY_MS = 86_400_000;

/**
 * The last `days` days up to `today`, including days without activity, which the chart's line would otherwise skip. If
 * this clock is behind the server's, the server's last day is still included.
 */
export function everyDay(recorded: readonly ActivityOfDay[], days: number, today: Date): ActivityOfDay[] {
  const byDate = new Map(recorded.map((one) => [one.date, one]));
  const last = Math.max(today.getTime(), Date.parse(recorded.at(-1)?.date ?? '1970-01-01'));
  return Array.from({ length: days }, (_, index) => {
    const date = new Date(last - (days - 1 - index) * DAY_MS).toISOString().slice(0, 10);
    return byDate.get(date) ?? { date, posts: 0, images: 0, processingRuns: 0 };
  });
}
