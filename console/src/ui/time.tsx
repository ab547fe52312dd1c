import { signal } from '@preact/signals';

const UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
] as const;

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** What has happened since the last tick lies in its future. */
const CLOCK_MS = 30_000;
const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), CLOCK_MS);

/** A relative time, past or future, with the exact time as its title. */
export function Time({ at, none }: { readonly at: string | null; readonly none: string }) {
  if (at === null) return <>{none}</>;
  const time = new Date(at);
  return (
    <time dateTime={at} title={absolute.format(time)}>
      {distance((time.getTime() - now.value) / 1000)}
    </time>
  );
}

function distance(seconds: number): string {
  const [unit, size] = UNITS.find(([, unitSeconds]) => Math.abs(seconds) >= unitSeconds) ?? [];
  if (unit === undefined || size === undefined)
    return seconds > CLOCK_MS / 1000 ? 'within a minute' : 'just now';
  return relative.format(Math.trunc(seconds / size), unit);
}
