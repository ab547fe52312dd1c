import { useEffect, useState } from 'preact/hooks';
import { type AccountOfDay, type Platform, api, ok } from '../api/client.js';
import { messageOf } from '../state/messages.js';
import { Chart } from '../ui/chart.js';
import { Select } from '../ui/form.js';

const COUNTS = { followers: 'Followers', following: 'Following', statuses: 'Posts at the instance' } as const;
const RANGES = { 30: '30 days', 90: '90 days', 365: 'A year' };

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeZone: 'UTC' });

export function Followers({ platforms }: { readonly platforms: readonly Platform[] }) {
  const [id, setId] = useState(String(platforms[0]?.id ?? ''));
  const [days, setDays] = useState('90');
  const [count, setCount] = useState<keyof typeof COUNTS>('followers');
  const [history, setHistory] = useState<readonly AccountOfDay[] | null>(null);
  const [error, setError] = useState<string | null>(null);

  useEffect(() => {
    let current = true;
    load(Number(id), Number(days))
      .then((loaded) => {
        if (!current) return;
        setHistory(loaded);
        setError(null);
      })
      .catch((failure: unknown) => current && setError(messageOf(failure)));
    return () => (current = false);
  }, [id, days]);

  return (
    <section class="panel" aria-labelledby="followers">
      <h2 id="followers">The account over time</h2>
      <div class="choices">
        <Select
          name="platform"
          label="Platform"
          value={id}
          options={Object.fromEntries(platforms.map((platform) => [platform.id, platform.name]))}
          onChange={setId}
        />
        <Select
          name="count"
          label="What"
          value={count}
          options={COUNTS}
          onChange={(value) => setCount(value as keyof typeof COUNTS)}
        />
        <Select name="days" label="How far back" value={days} options={RANGES} onChange={setDays} />
      </div>
      {error !== null && (
        <p class="notice bad" role="alert">
          {error}
        </p>
      )}
      {history !== null && history.length === 0 && (
        <p class="hint">The instance has not said anything about this account yet.</p>
      )}
      {history !== null && history.length > 0 && (
        <Chart
          title={COUNTS[count]}
          times={history.map(({ date }) => Date.parse(date) / 1000)}
          series={[{ label: COUNTS[count], values: history.map((one) => one[count]) }]}
          format={(value) => whole.format(value)}
          formatTime={(seconds) => day.format(seconds * 1000)}
        />
      )}
    </section>
  );
}

async function load(id: number, days: number): Promise<readonly AccountOfDay[]> {
  const params = { path: { id }, query: { days } };
  return ok(api.GET('/v1/platforms/{id}/stats/history', { params }));
}
