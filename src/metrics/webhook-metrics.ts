import { Counter, Gauge, type Registry } from 'prom-client';
import type { WebhookBacklog } from '../webhooks/webhook-backlog.js';
import type { WebhookMeter } from '../webhooks/webhook-meter.js';

/** Counts this process's attempts to deliver, and reports what waits for all processes. */
export function countWebhooks(registry: Registry, meter: WebhookMeter, backlog: WebhookBacklog): void {
  const registers = [registry];
  const attempts = new Counter({
    name: 'webhook_deliveries_total',
    help: 'Attempts to deliver, by what became of the delivery: delivered, postponed, or failed for good',
    labelNames: ['outcome'],
    registers,
  });
  meter.onAttempt((outcome) => attempts.inc({ outcome }));
  const gauge = (name: string, help: string, figure: 'pending' | 'lagSeconds'): void => {
    new Gauge({
      name,
      aggregator: 'max',
      help,
      registers,
      collect() {
        const figures = backlog.latest();
        if (figures !== null) this.set(figures[figure]);
      },
    });
  };
  gauge(
    'webhook_pending',
    'Deliveries that wait, without those of paused webhooks, as of the last count: of the 1000 connections due first, up to 10001',
    'pending',
  );
  gauge('webhook_lag_seconds', 'Age of the oldest delivery that waits, as of the last count', 'lagSeconds');
}
