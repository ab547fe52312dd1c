import { useState } from 'preact/hooks';
import { type AccountOfDay, type Platform, api, ok } from '../api/client.js';
import { Chart } from '../ui/chart.js';
import { Select } from '../ui/fields.js';
import { OverTime } from './over-time.js';

const COUNTS = { followers: 'Followers', following: 'Following', statuses: 'Posts on the instance' } as const;

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeZone: 'UTC' });

export function Followers({ platforms }: { readonly platforms: readonly Platform[] }) {
  const [count, setCount] = useState<keyof typeof COUNTS>('followers');
  return (
    <OverTime
      id="followers"
      title="Account over time"
      platforms={platforms}
      load={load}
      none="The instance has not reported any numbers for this account yet."
      choice={
        <Select
          name="count"
          label="Show"
          value={count}
          options={COUNTS}
          onChange={(value) => setCount(value as keyof typeof COUNTS)}
        />
      }
    >
      {(history) => (
        <Chart
          title={COUNTS[count]}
          times={history.map(({ date }) => Date.parse(date) / 1000)}
          series={[{ label: COUNTS[count], values: history.map((one) => one[count]) }]}
          format={(value) => whole.format(value)}
          formatTime={(seconds) => day.format(seconds * 1000)}
        />
      )}
    </OverTime>
  );
}

async function load(id: number, days: number): Promise<readonly AccountOfDay[]> {
  const params = { path: { id }, query: { days } };
  return ok(api.GET('/v1/platforms/{id}/stats/history', { params }));
}
