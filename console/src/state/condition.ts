import { signal } from '@preact/signals';
import { BASE } from '../api/base.js';
import { type Readiness, onUnreachable } from '../api/client.js';
import { type Poll, poll } from '../api/poll.js';

export type Condition =
  'ok' | 'offline' | 'unreachable' | 'cache-down' | 'cache-recovering' | 'database-down' | 'unavailable';

const OK_POLL_MS = 10_000;
const FAILING_POLL_MS = 2000;
const TIMEOUT_MS = 5000;

/** Whether the network, server, cache and database work, as of the last check. */
export const condition = signal<Condition>('ok');

export function watchCondition(): Poll {
  const check = async (): Promise<Condition> => {
    try {
      const response = await fetch(`${BASE}/health/ready`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      return toCondition((await response.json()) as Readiness);
    } catch {
      return navigator.onLine ? 'unreachable' : 'offline';
    }
  };
  const polled = poll(
    async () => void (condition.value = await check()),
    () => (condition.value === 'ok' ? OK_POLL_MS : FAILING_POLL_MS),
  );
  window.addEventListener('online', polled.now);
  window.addEventListener('offline', polled.now);
  onUnreachable(polled.now);
  return polled;
}

function toCondition({ status, database, cache }: Readiness): Condition {
  if (status === 'unavailable') return 'unavailable';
  if (database === 'down') return 'database-down';
  if (cache === 'down') return 'cache-down';
  return cache === 'recovering' ? 'cache-recovering' : 'ok';
}
