import { type Platform, type PlatformStats, api, ok } from '../api/client.js';
import { usePolled } from '../api/use-polled.js';
import { platforms } from '../state/platforms.js';
import { Skeleton } from '../ui/loaded.js';
import { PageTitle } from '../ui/page-title.js';
import { Time } from '../ui/time.js';
import { Activity } from './activity.js';
import { Followers } from './followers.js';
import { LoadState } from './platforms.js';

const whole = new Intl.NumberFormat();

export function StatsPage() {
  const list = platforms.value;
  return (
    <>
      <PageTitle>Stats</PageTitle>
      <LoadState />
      {list !== null && list.length > 0 && <Numbers list={list} />}
    </>
  );
}

function Numbers({ list }: { readonly list: readonly Platform[] }) {
  const ids = list.map(({ id }) => id);
  const load = () =>
    Promise.all(ids.map((id) => ok(api.GET('/v1/platforms/{id}/stats', { params: { path: { id } } }))));
  const { value: stats, error, again } = usePolled(load, [ids.join()], everyMs(ids.length));
  return (
    <>
      {error !== null && (
        <div class="notice bad" role="alert">
          <p>Could not load the statistics. {error}</p>
          <button type="button" onClick={again}>
            Try again
          </button>
        </div>
      )}
      {stats === null ? (
        error === null && <Skeleton what="the statistics" />
      ) : (
        <>
          <Totals stats={stats} />
          <ByStatus stats={stats} />
          <Activity platforms={list} />
          <Followers platforms={list} />
        </>
      )}
    </>
  );
}

/** One request per platform: at most 60 a minute of the user's rate limit. */
function everyMs(calls: number): number {
  return Math.max(15_000, calls * 1000);
}

interface StatsProps {
  readonly stats: readonly PlatformStats[];
}

function Totals({ stats }: StatsProps) {
  const total = (of: (one: PlatformStats) => number): string =>
    whole.format(stats.reduce((sum, one) => sum + of(one), 0));
  return (
    <section class="panel" aria-labelledby="totals">
      <h2 id="totals">Totals by platform</h2>
      {stats.some(({ account }) => account === null) && (
        <p class="hint">
          The number of followers is known once a connection has passed its first test, and its instance tells
          it.
        </p>
      )}
      <div class="scroll" tabIndex={0} role="region" aria-label="Totals by platform, table">
        <table>
          <thead>
            <tr>
              <th scope="col">Platform</th>
              <th scope="col">Posts</th>
              <th scope="col">Images</th>
              <th scope="col">Runs</th>
              <th scope="col">Followers</th>
              <th scope="col">Counted</th>
            </tr>
          </thead>
          <tbody>
            {stats.map((one) => (
              <tr key={one.platformId}>
                <th scope="row">{one.platformName}</th>
                <td>{whole.format(one.totalPosts)}</td>
                <td>{whole.format(one.totalImages)}</td>
                <td>{whole.format(one.processingRuns)}</td>
                <td>
                  {one.account?.followers == null ? 'not known yet' : whole.format(one.account.followers)}
                </td>
                <td>
                  <Time at={one.computedAt} none="never" />
                </td>
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row">Total</th>
              <td>{total(({ totalPosts }) => totalPosts)}</td>
              <td>{total(({ totalImages }) => totalImages)}</td>
              <td>{total(({ processingRuns }) => processingRuns)}</td>
              <td />
              <td />
            </tr>
          </tfoot>
        </table>
      </div>
    </section>
  );
}

function ByStatus({ stats }: StatsProps) {
  const counts = new Map<string, number>();
  for (const { byStatus } of stats) {
    for (const [status, count] of Object.entries(byStatus))
      counts.set(status, (counts.get(status) ?? 0) + count);
  }
  const most = Math.max(1, ...counts.values());
  return (
    <section class="panel" aria-labelledby="activity">
      <h2 id="activity">Activity by status</h2>
      {counts.size === 0 ? (
        <p class="hint">Nothing has been recorded yet.</p>
      ) : (
        <ul class="bars">
          {[...counts]
            .sort(([, a], [, b]) => b - a)
            .map(([status, count]) => (
              <li key={status}>
                <span>{status}</span>
                <span class="bar" aria-hidden="true" style={{ width: `${(count / most) * 100}%` }} />
                <span>{whole.format(count)}</span>
              </li>
            ))}
        </ul>
      )}
    </section>
  );
}
