import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { Counter, Gauge, type Metric, Registry, collectDefaultMetrics } from 'prom-client';
import type { DataSource } from 'typeorm';
import { CacheFigures } from '../cache/cache-figures.js';
import { CacheHealth } from '../cache/cache-health.js';
import { SelfAudit } from '../cache/self-audit.js';
import { AppConfig } from '../config/app-config.js';
import { ADMISSION_KINDS, AdmissionGate } from '../database/admission-gate.js';
import { poolState } from '../database/pool.js';
import { EVENT_TRANSPORTS, EventMeter } from '../outbox/event-meter.js';
import { FOLLOW_OUTCOMES } from '../outbox/followed-writes.js';
import { OutboxRelay } from '../outbox/outbox-relay.js';
import { ProxyMeter } from '../proxy/proxy-meter.js';
import { WatchForecast } from '../watch/watch-forecast.js';
import { WatchMeter } from '../watch/watch-meter.js';
import { WebhookBacklog } from '../webhooks/webhook-backlog.js';
import { WebhookMeter } from '../webhooks/webhook-meter.js';
import { exportHistogram } from './histogram.js';
import { HttpDurations } from './http-durations.js';
import { countProxied } from './proxy-metrics.js';
import { SharedMetrics } from './shared-metrics.js';
import { countWatching } from './watch-metrics.js';
import { countWebhooks } from './webhook-metrics.js';

export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** How often the event loop's lag is sampled, which is also the least that it reports. */
const LOOP_PRECISION_MS = 10;
/** An idle process on somebody's own machine should not wake up a hundred times a second. */
const EMBEDDED_LOOP_PRECISION_MS = 100;

let ofProcess: readonly Metric[] | undefined;

/** Node's own. What measures them has no end but the process's, and so belongs to none of the applications in it. */
function processMetrics(loopPrecisionMs: number): readonly Metric[] {
  if (ofProcess === undefined) {
    const register = new Registry();
    collectDefaultMetrics({ register, eventLoopMonitoringPrecision: loopPrecisionMs });
    ofProcess = register.getMetricsAsArray() as unknown as Metric[];
  }
  return ofProcess;
}

/** All metrics of this process, in one registry; of all workers, where there are several. Label values are bounded: never a key, an id or a URL. */
@Injectable()
export class MetricsService {
  private readonly registry = new Registry();
  readonly #shared = new SharedMetrics(this.registry);

  readonly httpDurations = new HttpDurations();

  constructor(
    figures: CacheFigures,
    gate: AdmissionGate,
    health: CacheHealth,
    audit: SelfAudit,
    relay: OutboxRelay,
    events: EventMeter,
    watch: WatchMeter,
    forecast: WatchForecast,
    proxy: ProxyMeter,
    webhooks: WebhookMeter,
    backlog: WebhookBacklog,
    config: AppConfig,
    @InjectDataSource() dataSource: DataSource,
  ) {
    const isEmbedded = config.database.target.kind === 'embedded';
    for (const metric of processMetrics(isEmbedded ? EMBEDDED_LOOP_PRECISION_MS : LOOP_PRECISION_MS))
      this.registry.registerMetric(metric);
    const { httpDurations } = this;
    exportHistogram(this.registry, 'http_request_duration_seconds', 'HTTP requests by route template', () =>
      httpDurations.read(),
    );
    this.countCacheReads(figures);
    this.watchPool(gate, dataSource);
    this.watchConsistency(health, audit, relay);
    this.countEvents(events);
    countWatching(this.registry, watch, forecast);
    countProxied(this.registry, proxy);
    countWebhooks(this.registry, webhooks, backlog);
  }

  /** In the Prometheus text format. */
  text(): Promise<string> {
    return this.#shared.text();
  }

  private countEvents(events: EventMeter): void {
    const registers = [this.registry];
    new Gauge({
      name: 'events_clients',
      help: 'Clients that receive events from this process',
      labelNames: ['transport'],
      registers,
      collect() {
        for (const transport of EVENT_TRANSPORTS) this.set({ transport }, events.clients[transport]);
      },
    });
    const sent = new Counter({
      name: 'events_sent_total',
      help: 'Events sent, counted once per client',
      labelNames: ['type'],
      registers,
    });
    const replayed = new Counter({
      name: 'events_replayed_total',
      help: 'Events sent from the outbox to a client that had missed them; included in events_sent_total',
      registers,
    });
    const dropped = new Counter({
      name: 'events_dropped_clients_total',
      help: 'Clients that this process disconnected',
      labelNames: ['reason'],
      registers,
    });
    events.listen({
      sent: (type) => sent.inc({ type }),
      replayed: () => replayed.inc(),
      dropped: (reason) => dropped.inc({ reason }),
    });
  }

  private countCacheReads(figures: CacheFigures): void {
    new Counter({
      name: 'platform_cache_requests_total',
      help: 'Cached reads by resource and outcome',
      labelNames: ['resource', 'outcome'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const { resource, outcome, durations } of figures.reads())
          this.inc({ resource, outcome }, durations.count);
      },
    });
    exportHistogram(
      this.registry,
      'platform_cache_duration_seconds',
      'Duration of cached reads, from request to response',
      function* () {
        for (const { resource, outcome, durations } of figures.reads())
          yield { labels: { resource, outcome }, durations };
      },
    );
  }

  private watchPool(gate: AdmissionGate, dataSource: DataSource): void {
    new Gauge({
      name: 'database_pool_connections',
      help: 'Pool connections by state; waiting counts requests for a connection',
      labelNames: ['state'],
      registers: [this.registry],
      collect() {
        for (const [state, count] of Object.entries(poolState(dataSource))) this.set({ state }, count);
      },
    });
    for (const state of ['running', 'waiting'] as const) {
      new Gauge({
        name: `database_admission_${state}`,
        help: `Loads and transactions that are ${state}; they wait at the admission gate, before the pool`,
        labelNames: ['kind'],
        registers: [this.registry],
        collect() {
          for (const kind of ADMISSION_KINDS) this.set({ kind }, gate.figures(kind)[state]);
        },
      });
    }
    new Counter({
      name: 'database_admission_rejected_total',
      help: 'Loads and transactions rejected because they could not start in time',
      registers: [this.registry],
      collect() {
        this.reset();
        this.inc(gate.rejected);
      },
    });
  }

  private watchConsistency(health: CacheHealth, audit: SelfAudit, relay: OutboxRelay): void {
    const registers = [this.registry];
    new Gauge({
      name: 'outbox_pending',
      aggregator: 'max',
      help: 'Changes whose cache entries have not been dropped yet, at the last poll; counted up to 10001',
      registers,
      collect() {
        this.set(relay.state.pending);
      },
    });
    new Gauge({
      name: 'outbox_lag_seconds',
      aggregator: 'max',
      help: 'Age of the oldest pending change, at the last poll',
      registers,
      collect() {
        this.set(relay.state.lagSeconds);
      },
    });
    new Counter({
      name: 'cache_inconsistencies_total',
      help: 'Cached entries that were older than a followed write, or differed from the database, for longer than an invalidation takes',
      registers,
      collect() {
        this.reset();
        this.inc(audit.inconsistencies);
      },
    });
    new Counter({
      name: 'cache_followed_entries_total',
      help: 'Entries of sampled writes that this process has followed, by what became of them',
      labelNames: ['outcome'],
      registers,
      collect() {
        this.reset();
        for (const outcome of FOLLOW_OUTCOMES) this.inc({ outcome }, relay.followed.outcomes[outcome]);
      },
    });
    new Counter({
      name: 'cache_audit_comparisons_total',
      help: 'Sampled hits compared with the database',
      registers,
      collect() {
        this.reset();
        this.inc(audit.compared);
      },
    });
    new Gauge({
      name: 'cache_breaker_state',
      help: '1 for the current state of the Redis circuit breaker, 0 for the others',
      labelNames: ['state'],
      registers,
      collect() {
        for (const state of ['closed', 'half-open', 'open'])
          this.set({ state }, Number(health.state === state));
      },
    });
  }
}
