import { type Condition, condition } from '../state/condition.js';
import type { Tone } from './labels.js';

const TEXTS: Readonly<Record<Exclude<Condition, 'ok'>, readonly [Tone, string]>> = {
  offline: [
    'waiting',
    'You are offline. This page may be out of date. It reloads its data when the network is back.',
  ],
  unreachable: [
    'bad',
    'The server does not answer. This page may be out of date. It retries every few seconds.',
  ],
  unavailable: [
    'bad',
    'The server is running, but its database and its cache do not answer. Nothing can be loaded or changed.',
  ],
  'database-down': ['bad', 'The database is down. You can view cached data but change nothing.'],
  'cache-down': [
    'waiting',
    'The cache (Redis) is down. Everything still works directly from the database, but more slowly.',
  ],
  'cache-recovering': [
    'waiting',
    'The cache (Redis) is catching up with changes. Everything still works directly from the database.',
  ],
};

/** Always rendered, so that screen readers announce new text in it. */
export function Banner() {
  const [tone, text] = condition.value === 'ok' ? ['neutral', ''] : TEXTS[condition.value];
  return (
    <div role="status" class="banner-place">
      {text !== '' && <p class={`banner ${tone}`}>{text}</p>}
    </div>
  );
}
