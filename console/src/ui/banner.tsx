import { type Condition, condition } from '../state/condition.js';
import type { Tone } from './labels.js';

const TEXTS: Readonly<Record<Exclude<Condition, 'ok'>, readonly [Tone, string]>> = {
  offline: [
    'waiting',
    'You are offline. What you see may be out of date; it is loaded again when the network is back.',
  ],
  unreachable: [
    'bad',
    'The server does not answer. What you see may be out of date; it is tried again every few seconds.',
  ],
  unavailable: [
    'bad',
    'The server is there, but neither its database nor its cache answers. Nothing can be loaded or changed.',
  ],
  'database-down': ['bad', 'The database is down. What is cached can be looked at; nothing can be changed.'],
  'cache-down': [
    'waiting',
    'The cache (Redis) is down. Everything still works, straight from the database, if slower.',
  ],
  'cache-recovering': [
    'waiting',
    'The cache (Redis) is catching up with changes. Everything still works, straight from the database.',
  ],
};

/** Always there, so that a screen reader hears what comes into it. */
export function Banner() {
  const [tone, text] = condition.value === 'ok' ? ['neutral', ''] : TEXTS[condition.value];
  return (
    <div role="status" class="banner-place">
      {text !== '' && <p class={`banner ${tone}`}>{text}</p>}
    </div>
  );
}
