import { BASE } from '../api/base.js';
import { type Platform, type Readiness, api, ok } from '../api/client.js';
import { usePolled } from '../api/use-polled.js';
import { hrefOf } from '../state/route.js';
import { STATUS_LABELS, TYPE_LABELS, toneOf } from '../ui/labels.js';
import { Loaded } from '../ui/loaded.js';
import { PageTitle } from '../ui/page-title.js';
import { Tile } from '../ui/tile.js';
import { Attention } from './attention.js';

const EVERY_MS = 60_000;

type Status = Platform['status'];
type Type = Platform['platformType'];

interface Count {
  readonly total: number;
  readonly isExact: boolean;
}

const STATUSES = Object.keys(STATUS_LABELS) as Status[];
const TYPES = Object.keys(TYPE_LABELS) as Type[];
const whole = new Intl.NumberFormat();

const DATABASE = { up: 'Works', down: 'Down' };
const CACHE = {
  up: 'Works',
  recovering: 'Catching up',
  down: 'Down: read from the database',
  'in-process': 'In process memory',
};

/** How everybody's connections and the server are doing, for administrators. */
export function OverviewPage() {
  const counts = usePolled(load, [], EVERY_MS);
  const server = usePolled(loadServer, []);
  const system = usePolled(() => ok(api.GET('/v1/admin/system')), [], EVERY_MS);
  return (
    <>
      <PageTitle>Overview</PageTitle>
      <Loaded polled={server} what="how the server is doing">
        {({ ready, figures }) => (
          <dl class="tiles">
            <Tile label="Database" value={DATABASE[ready.database]}>
              Connections in use: {figures.pool.used}, requests waiting: {figures.pool.waiting}
            </Tile>
            <Tile label="Cache" value={CACHE[ready.cache]}>
              <a href={hrefOf('cache')}>Figures and charts</a>
            </Tile>
            <Tile label="Changes pending" value={whole.format(figures.outbox.pending)}>
              the cache learns of them after {Math.round(figures.outbox.lagSeconds)} s
            </Tile>
          </dl>
        )}
      </Loaded>
      <Loaded polled={counts} what="the connections">
        {({ all, byStatus, byType }) => (
          <>
            <dl class="tiles">
              <Tile label="Connections" value={inWords(all)}>
                <a href={hrefOf('connections')}>All connections</a>
              </Tile>
              <Tile label="Work" value={inWords(byStatus.get('connected'))} />
              <Tile label="Not tested yet" value={inWords(byStatus.get('unchecked'))} />
            </dl>
            <Bars
              id="trouble"
              title="In trouble, by what is wrong"
              none="No connection is in trouble."
              rows={STATUSES.filter((status) => status !== 'connected' && status !== 'unchecked').map(
                (status) => ({
                  key: `status=${status}`,
                  label: STATUS_LABELS[status],
                  tone: toneOf(status),
                  count: byStatus.get(status),
                }),
              )}
            />
            <Bars
              id="software"
              title="By type of software"
              none="There are no connections yet."
              rows={TYPES.map((type) => ({
                key: `type=${type}`,
                label: TYPE_LABELS[type],
                tone: 'neutral',
                count: byType.get(type),
              }))}
            />
          </>
        )}
      </Loaded>
      <Loaded polled={system} what="which connections need attention">
        {(state) => <Attention {...state} />}
      </Loaded>
    </>
  );
}

interface BarsProps {
  readonly id: string;
  readonly title: string;
  readonly none: string;
  readonly rows: readonly {
    readonly key: string;
    readonly label: string;
    readonly tone: string;
    readonly count: Count | undefined;
  }[];
}

function Bars({ id, title, none, rows }: BarsProps) {
  const shown = rows
    .filter(({ count }) => (count?.total ?? 0) > 0)
    .toSorted((a, b) => (b.count?.total ?? 0) - (a.count?.total ?? 0));
  const most = shown[0]?.count?.total ?? 1;
  return (
    <section class="panel" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {shown.length === 0 ? (
        <p class="hint">{none}</p>
      ) : (
        <ul class="bars">
          {shown.map(({ key, label, tone, count }) => (
            <li key={key}>
              <a href={hrefOf(`connections?${key}`)}>{label}</a>
              <span
                class={`bar ${tone}`}
                aria-hidden="true"
                style={{ width: `${((count?.total ?? 0) / most) * 100}%` }}
              />
              <span>{inWords(count)}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function inWords(count: Count | undefined): string {
  if (count === undefined) return '0';
  return count.isExact ? whole.format(count.total) : `more than ${whole.format(count.total)}`;
}

/** Counted by the server's indexes, one request for each status and type. */
async function load() {
  const [all, byStatus, byType] = await Promise.all([
    count({}),
    Promise.all(STATUSES.map(async (status) => [status, await count({ status })] as const)),
    Promise.all(TYPES.map(async (platformType) => [platformType, await count({ platformType })] as const)),
  ]);
  return { all, byStatus: new Map(byStatus), byType: new Map(byType) };
}

async function count(filter: { readonly status?: Status; readonly platformType?: Type }): Promise<Count> {
  const query = { ...filter, pageSize: 1 };
  const { total, totalIsExact } = await ok(api.GET('/v1/admin/platforms', { params: { query } }));
  return { total, isExact: totalIsExact };
}

async function loadServer() {
  const [ready, figures] = await Promise.all([
    // A server in trouble answers 503, with the same body.
    fetch(`${BASE}/health/ready`).then((response) => response.json() as Promise<Readiness>),
    ok(api.GET('/v1/admin/cache')),
  ]);
  return { ready, figures };
}
