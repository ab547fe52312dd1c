import type { EventType } from '../outbox/published-events.js';
import type { PlatformView } from '../platforms/platform-view.js';

/** What a client is sent. */
export interface PlatformEvent {
  /** Grows with each event of a user: a client that has seen it before has it twice. */
  readonly eventId: number;
  readonly type: EventType;
  readonly platformId: number;
  readonly at: Date;
  /** As it is now, which may be newer than the event. Absent when it is deleted. */
  readonly platform?: PlatformView;
}
