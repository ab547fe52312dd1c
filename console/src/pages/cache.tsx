import { useMemo, useState } from 'preact/hooks';
import { OUTCOMES, type Reading, hitRatio, queriesSaved, totalOf } from '../cache/readings.js';
import { type CacheWatch, useCacheWatch } from '../cache/watch-cache.js';
import { Chart, formatOrDash } from '../ui/chart.js';
import { Select } from '../ui/fields.js';
import { Skeleton } from '../ui/loaded.js';
import { PageTitle } from '../ui/page-title.js';
import { Tile } from '../ui/tile.js';
import { DropCache, WarmCache } from './cache-actions.js';

const whole = new Intl.NumberFormat();
const rate = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });
const percent = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });

const milliseconds = (seconds: number): string => `${rate.format(seconds * 1000)} ms`;
const perSecond = (value: number): string => `${rate.format(value)}/s`;
const atClock = (seconds: number): string => clock.format(seconds * 1000);

const RANGES = { 60: '1 minute', 300: '5 minutes', 900: '15 minutes' };

const BREAKER_LABELS = {
  closed: 'Closed: in use',
  open: 'Open: bypassed',
  'half-open': 'Half-open: catching up',
};

export function CachePage() {
  const [paused, setPaused] = useState(false);
  const [open, setOpen] = useState<'warm' | 'drop' | null>(null);
  const watch = useCacheWatch(paused);
  return (
    <>
      <div class="page-head">
        <PageTitle>Cache</PageTitle>
        <div class="buttons">
          <button type="button" aria-pressed={paused} onClick={() => setPaused(!paused)}>
            Pause updates
          </button>
          <button type="button" onClick={() => setOpen('warm')}>
            Warm…
          </button>
          <button type="button" onClick={() => setOpen('drop')}>
            Drop…
          </button>
        </div>
      </div>
      <p class="hint">
        Counted by the process that answers, since it started. With several processes, each reading and each
        point in the charts comes from one of them.
      </p>
      {watch.error !== null && (
        <p class="notice bad" role="alert">
          Could not load the figures. {watch.error}
        </p>
      )}
      {watch.figures === null ? (
        watch.error === null && <Skeleton what="the figures" />
      ) : (
        <Tiles {...watch} />
      )}
      <Charts {...watch} />
      {open === 'warm' && <WarmCache onClose={() => setOpen(null)} />}
      {open === 'drop' && <DropCache onClose={() => setOpen(null)} />}
    </>
  );
}

function Tiles({ figures, reading, recent }: CacheWatch) {
  if (figures === null || reading === null) return null;
  const { outcomes } = reading;
  const { pool, outbox } = figures;
  return (
    <dl class="tiles">
      <Tile label="Hit ratio" value={ratioOf(outcomes) ?? 'No reads yet'}>
        {recent === null
          ? `of ${whole.format(totalOf(outcomes))} reads`
          : `last 30 s: ${ratioOf(recent.outcomes) ?? 'no reads'}`}
      </Tile>
      <Tile label="Database queries saved" value={whole.format(queriesSaved(outcomes))}>
        of {whole.format(totalOf(outcomes))} reads
      </Tile>
      <Tile label="Latency, median" value={formatOrDash(recent?.p50, milliseconds, 'No reads')}>
        {recent?.p50 == null ? (
          'in the last 30 s'
        ) : (
          <>
            95 %: {formatOrDash(recent.p95, milliseconds)} · 99 %: {formatOrDash(recent.p99, milliseconds)}
          </>
        )}
      </Tile>
      <Tile
        label="Breaker"
        value={figures.store === 'redis' ? BREAKER_LABELS[figures.breaker] : 'None: there is no Redis'}
      >
        {figures.store === 'redis' ? 'to Redis' : 'The cache is in process memory'}
        {figures.behind && ', catching up with changes'}
      </Tile>
      <Tile
        label="Keys in the store"
        value={formatOrDash(figures.entries, (value) => whole.format(value), 'Unknown')}
      />
      <Tile label="Connections in use" value={whole.format(pool.used)}>
        {pool.idle} idle, {pool.waiting} waiting
      </Tile>
      <Tile label="Outbox lag" value={`${rate.format(outbox.lagSeconds)} s`}>
        {whole.format(outbox.pending)} changes pending
      </Tile>
      <Tile label="Inconsistencies found" value={whole.format(figures.inconsistencies)} />
    </dl>
  );
}

function ratioOf(outcomes: Reading['outcomes']): string | null {
  const ratio = hitRatio(outcomes);
  return ratio === null ? null : percent.format(ratio);
}

function Charts({ history: all }: CacheWatch) {
  const [range, setRange] = useState('300');
  const since = (all.at(-1)?.at ?? 0) - Number(range);
  const history = useMemo(() => all.filter(({ at }) => at >= since), [all, range]);
  const times = useMemo(() => history.map(({ at }) => at), [history]);
  if (history.length < 2) {
    return <p class="hint panel">The charts begin with the third reading, in a few seconds.</p>;
  }
  return (
    <>
      <div class="choices">
        <Select name="range" label="Charts of the last" value={range} options={RANGES} onChange={setRange} />
      </div>
      <div class="charts">
        <Chart
          title="Reads by outcome"
          times={times}
          series={OUTCOMES.map((outcome) => ({
            label: outcome,
            values: history.map(({ outcomes }) => outcomes[outcome]),
          }))}
          format={perSecond}
          formatTime={atClock}
        />
        <Chart
          title="Latency over 30 s"
          times={times}
          series={[
            { label: 'median', values: history.map(({ p50 }) => p50) },
            { label: '95 %', values: history.map(({ p95 }) => p95) },
            { label: '99 %', values: history.map(({ p99 }) => p99) },
          ]}
          format={milliseconds}
          formatTime={atClock}
        />
      </div>
    </>
  );
}
