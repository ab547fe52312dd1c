import type { EventType } from '../outbox/published-events.js';
import type { PlatformView } from '../platforms/platform-view.js';

/** An event as a client receives it. */
export interface PlatformEvent {
  /** Increases with each event of a user. A client may get an event twice and recognises it by this id. */
  readonly eventId: number;
  readonly type: EventType;
  readonly platformId: number;
  readonly at: Date;
  /** The connection's current state, which may be newer than the event. Absent if it has been deleted. */
  readonly platform?: PlatformView;
}
