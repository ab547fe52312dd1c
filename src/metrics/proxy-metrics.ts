import { Counter, Histogram, type Registry } from 'prom-client';
import type { ProxyMeter } from '../proxy/proxy-meter.js';

/** Counts the requests that this process has sent on to instances, and those that it refused to. */
export function countProxied(registry: Registry, meter: ProxyMeter): void {
  const registers = [registry];
  const requests = new Counter({
    name: 'platform_proxy_requests_total',
    help: "Requests through the proxy, by the class of the instance's status, or by our problem",
    labelNames: ['method', 'outcome'],
    registers,
  });
  const duration = new Histogram({
    name: 'platform_proxy_duration_seconds',
    help: 'Duration of requests through the proxy, with both bodies',
    labelNames: ['method'],
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600],
    registers,
  });
  meter.onEvent(({ method, outcome, seconds }) => {
    requests.inc({ method, outcome });
    duration.observe({ method }, seconds);
  });
}
