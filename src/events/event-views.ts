import { Injectable } from '@nestjs/common';
import type { PublishedEvent } from '../outbox/published-events.js';
import type { PlatformView } from '../platforms/platform-view.js';
import { PlatformsService } from '../platforms/platforms.service.js';
import type { PlatformEvent } from './platform-event.js';

/** Adds each connection's current API view, read through the cache, to its event. */
@Injectable()
export class EventViews {
  constructor(private readonly platforms: PlatformsService) {}

  /** @throws {DatabaseBusy | DatabaseUnavailable} */
  async of(events: readonly PublishedEvent[]): Promise<PlatformEvent[]> {
    const wanted = new Set(
      events.filter(({ type }) => type !== 'platform.deleted').map(({ platformId }) => platformId),
    );
    const views = new Map<number, PlatformView>();
    await Promise.all(
      [...wanted].map(async (id) => {
        const { value } = await this.platforms.find(id);
        if (value !== null) views.set(id, value.view);
      }),
    );
    return events.map(({ eventId, type, userId, platformId, at }) => {
      const platform = type === 'platform.deleted' ? undefined : views.get(platformId);
      // The connection may belong to another user by now.
      const own = platform?.userId === userId ? { platform } : {};
      return { eventId, type, platformId, at, ...own };
    });
  }
}
