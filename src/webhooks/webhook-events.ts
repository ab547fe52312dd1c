import { OF_INSTANCE } from '../instances/check-outcome.js';
import type { EventFacts, EventWithFacts } from '../outbox/published-events.js';
import type { PlatformView } from '../platforms/platform-view.js';

export const WEBHOOK_EVENTS = [
  'platform.created',
  'platform.updated',
  'platform.deleted',
  'platform.default_changed',
  'platform.status_changed',
  'platform.broken',
  'platform.recovered',
  'platform.token_expiring',
  'platform.credentials_changed',
] as const;
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number];

/** What a test delivery has as its type. Not to be subscribed to. */
export const TEST_TYPE = 'webhook.test';

/** With these a connection can be used, as far as is known. */
const WORKING: ReadonlySet<string> = new Set(['connected', 'unchecked']);

export function isWorking(status: string): boolean {
  return WORKING.has(status);
}

/** One message to a webhook. The same event, sent again, has the same id and the same text. */
export interface WebhookMessage {
  readonly messageId: string;
  readonly eventId: number | null;
  readonly type: WebhookEvent | typeof TEST_TYPE;
  readonly platformId: number;
  readonly payload: string;
}

export function isCondition(type: string): boolean {
  return type === 'platform.broken' || type === 'platform.recovered';
}

/** Which events a change is, the most general one first. */
export function typesOf({ type, facts }: Pick<EventWithFacts, 'type' | 'facts'>): WebhookEvent[] {
  // Nothing of the connection itself has changed.
  if (facts.expiring === true) return ['platform.token_expiring'];
  return [
    type,
    ...conditionOf(facts),
    ...(facts.credentials === true ? (['platform.credentials_changed'] as const) : []),
  ];
}

function conditionOf({ from, to }: EventFacts): ('platform.broken' | 'platform.recovered')[] {
  if (from === undefined || to === undefined) return [];
  if (isWorking(to)) return isWorking(from) ? [] : ['platform.recovered'];
  // An instance that is back and refuses the connection is one more reason, and the owner's matter now.
  return isWorking(from) || (OF_INSTANCE.includes(from) && !OF_INSTANCE.includes(to))
    ? ['platform.broken']
    : [];
}

/** Standard Webhooks: `type`, `timestamp` and `data`. @param view null if the connection is gone, or has another owner. */
export function messageOf(
  event: EventWithFacts,
  type: WebhookEvent,
  view: PlatformView | null,
): WebhookMessage {
  const { eventId, platformId, userId, at, facts } = event;
  const data = {
    eventId,
    platformId,
    userId,
    ...(facts.from !== undefined && { previousStatus: facts.from }),
    ...(view !== null && { platform: view }),
  };
  const payload = JSON.stringify({ type, timestamp: at, data });
  // No dot: the signed text separates its parts by dots.
  const messageId = `evt_${eventId}_${type.slice('platform.'.length)}`;
  return { messageId, eventId, type, platformId, payload };
}

/** Whether a connection has all of these labels. */
export function hasLabels(
  labels: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(wanted).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}
