import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { OF_INSTANCE } from '../instances/check-outcome.js';
import { isWorking } from './webhook-events.js';
import type { SeenEvent } from './webhook-feed.js';

/** An outage that nobody saw the end of is none any more. */
const FORGOTTEN_AFTER = '24 hours';

/**
 * A webhook hears once of an instance that fails, not for each of its connections: once for each user, because a webhook of
 * the installation hears of many. It hears again when the instance has been up in between.
 */
@Injectable()
export class InstanceOutages {
  /** Whether the webhook is to hear of this `platform.broken` or `platform.recovered`. In the transaction that adds it. */
  async isNews(manager: EntityManager, webhookId: number, { event, view }: SeenEvent): Promise<boolean> {
    const { from = '', to = '' } = event.facts;
    if (view === null || OF_INSTANCE.includes(from) === OF_INSTANCE.includes(to)) return true;
    const key = [webhookId, event.userId, view.instanceUrl];
    if (OF_INSTANCE.includes(to)) {
      const begun = await manager.query<unknown[]>(
        `INSERT INTO webhook_outages AS o (webhook_id, user_id, instance_url) VALUES ($1, $2, $3)
         ON CONFLICT (webhook_id, user_id, instance_url) DO UPDATE SET since = now()
           WHERE o.since < now() - interval '${FORGOTTEN_AFTER}'
         RETURNING 1 AS begun`,
        key,
      );
      return begun.length > 0;
    }
    // The instance is there, and refuses this connection alone.
    if (!isWorking(to)) return true;
    const [, ended] = await manager.query<[unknown[], number]>(
      'DELETE FROM webhook_outages WHERE webhook_id = $1 AND user_id = $2 AND instance_url = $3',
      key,
    );
    return ended > 0;
  }
}
