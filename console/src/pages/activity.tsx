import { type ActivityOfDay, type Platform, api, ok } from '../api/client.js';
import { everyDay } from '../stats/every-day.js';
import { Chart } from '../ui/chart.js';
import { OverTime } from './over-time.js';

const COUNTS = { posts: 'Posts', images: 'Images', processingRuns: 'Runs' } as const;
const KINDS = Object.keys(COUNTS) as (keyof typeof COUNTS)[];

const whole = new Intl.NumberFormat();
const dayFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeZone: 'UTC' });

export function Activity({ platforms }: { readonly platforms: readonly Platform[] }) {
  return (
    <OverTime
      id="activity-over-time"
      title="Activity over time"
      platforms={platforms}
      load={load}
      none="No activity in this period."
    >
      {(recorded, days) => <Days days={everyDay(recorded, days, new Date())} />}
    </OverTime>
  );
}

function Days({ days }: { readonly days: readonly ActivityOfDay[] }) {
  const totals = KINDS.map((kind) => {
    const total = days.reduce((sum, one) => sum + one[kind], 0);
    return `${COUNTS[kind]} ${whole.format(total)}`;
  });
  return (
    <>
      <p class="hint">
        Last {days.length} days: {totals.join(', ')}. The figures below are for today, in UTC.
      </p>
      <Chart
        title="Activity per day"
        times={days.map(({ date }) => Date.parse(date) / 1000)}
        series={KINDS.map((kind) => ({ label: COUNTS[kind], values: days.map((one) => one[kind]) }))}
        format={(value) => (Number.isInteger(value) ? whole.format(value) : '')}
        formatTime={(seconds) => dayFormat.format(seconds * 1000)}
      />
    </>
  );
}

async function load(id: number, days: number): Promise<readonly ActivityOfDay[]> {
  const params = { path: { id }, query: { days } };
  return ok(api.GET('/v1/platforms/{id}/stats/activity', { params }));
}
