import { type SystemState, api, ok } from '../api/client.js';
import { usePolled } from '../api/use-polled.js';
import { hrefOf } from '../state/route.js';
import { Loaded } from '../ui/loaded.js';
import { PageTitle } from '../ui/page-title.js';
import { Tile } from '../ui/tile.js';
import { Time } from '../ui/time.js';

const BREAKER = {
  closed: 'In use',
  open: 'Not used: Redis does not answer',
  'half-open': 'Being tried again',
};
const whole = new Intl.NumberFormat();
/** Counts stop one above it. */
const BOUND = 10_000;

/** How the server is doing, for administrators. */
export function SystemPage() {
  const polled = usePolled(() => ok(api.GET('/v1/admin/system')), []);
  return (
    <>
      <PageTitle>System</PageTitle>
      <Loaded polled={polled} what="how the server is doing">
        {(system) => (
          <>
            <Figures system={system} />
            <Rotation rows={system.keyRotation} />
            <Errors errors={system.recentErrors} />
            <p class="hint">
              Platform Manager {system.versions.application} · Node.js {system.versions.node} · PostgreSQL{' '}
              {system.versions.postgresql} · this process has run for {duration(system.uptimeSeconds)}
            </p>
          </>
        )}
      </Loaded>
    </>
  );
}

function Figures({ system: { pool, cache, outbox, mail, watch } }: { readonly system: SystemState }) {
  return (
    <dl class="tiles">
      <Tile label="Database connections" value={`${pool.used} in use`}>
        {pool.idle} idle, {pool.waiting} requests waiting, {whole.format(pool.rejected)} refused since the
        start
      </Tile>
      <Tile label="Cache" value={cache.store === 'memory' ? 'In process memory' : BREAKER[cache.breaker]}>
        {cache.behind ? 'Catching up with changes. ' : ''}
        <a href={hrefOf('cache')}>Figures and charts</a>
      </Tile>
      <Tile label="Changes pending" value={counted(outbox.pending)}>
        the cache learns of them after {Math.round(outbox.lagSeconds)} s
      </Tile>
      <Tile label="Mail" value={mail.configured ? `${counted(mail.waiting)} waiting` : 'Not configured'}>
        {mail.lateSeconds > 60 && `The oldest has been waiting for ${duration(mail.lateSeconds)}.`}
      </Tile>
      <Tile label="Checks due" value={watch === null ? 'Unknown' : counted(watch.due)}>
        of connections at their instances
      </Tile>
    </dl>
  );
}

function Rotation({ rows }: { readonly rows: SystemState['keyRotation'] }) {
  const left = rows.filter((row) => row.left > 0);
  return (
    <section class="panel" aria-labelledby="rotation">
      <h2 id="rotation">Encryption key</h2>
      {left.length === 0 ? (
        <p class="hint">Everything is encrypted with the newest key.</p>
      ) : (
        <>
          <p>
            Not everything is encrypted with the newest key yet. <code>keys:rotate</code>{' '}
            {left.some(({ total }) => total !== null) ? 'goes on with it.' : 'does it.'}
          </p>
          <ul class="stack">{left.map(toProgress)}</ul>
        </>
      )}
    </section>
  );
}

function toProgress({ what, left, done, total }: SystemState['keyRotation'][number]) {
  const title = what.charAt(0).toUpperCase() + what.slice(1);
  if (done === null || total === null)
    return (
      <li key={what}>
        {title}: {counted(left)} left
      </li>
    );
  // More than there were at its beginning, if some have been written with the older key since.
  const all = Math.max(total, left > BOUND ? 0 : done + left);
  return (
    <li key={what}>
      <label>
        {title}: {whole.format(done)} of {whole.format(all)} ({Math.floor((100 * done) / Math.max(all, 1))} %)
        <progress value={done} max={all} />
      </label>
    </li>
  );
}

function Errors({ errors }: { readonly errors: SystemState['recentErrors'] }) {
  return (
    <section class="panel" aria-labelledby="errors">
      <h2 id="errors">Recent errors</h2>
      {errors.length === 0 ? (
        <p class="hint">This process has logged no warning and no error.</p>
      ) : (
        <ul class="rows">
          {errors.map(({ at, level, context, message }, place) => (
            <li key={`${at}-${place}`}>
              <div class="main">
                <p>{message}</p>
                <p class="hint">
                  {level === 'warn' ? 'Warning' : 'Error'}
                  {context !== '' && ` of ${context}`} · <Time at={at} none="" />
                </p>
              </div>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function counted(count: number): string {
  return count > BOUND ? `more than ${whole.format(BOUND)}` : whole.format(count);
}

function duration(seconds: number): string {
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600),
    Math.floor(seconds / 60),
  ];
  if (days > 1) return `${days} days`;
  if (hours > 1) return `${hours} hours`;
  return minutes > 1 ? `${minutes} minutes` : `${seconds} s`;
}
