import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '../database/database.js';
import { PeriodicWork } from '../database/periodic-work.js';
import { OF_INSTANCE } from '../instances/check-outcome.js';
import { NOTICES } from '../notices/notice.js';
import { NoticesService } from '../notices/notices.service.js';

const INTERVAL_MS = 10_000;
const PEOPLE_AT_ONCE = 100;
/** What breaks together is found one after the other: all of it in one letter. */
const GATHER = '5 seconds';

/** The condition is confirmed, and another one than the person has heard of last. */
const IS_NEWS = `((w.broken_checks >= 2 AND NOT w.told_broken) OR (w.broken_checks = 0 AND w.told_broken))`;

const PEOPLE_SQL = `
  SELECT DISTINCT c.user_id AS "userId"
  FROM platform_watch w JOIN platform_connections c ON c.id = w.platform_id AND c.is_active
  WHERE ${IS_NEWS} AND c.user_id <> ALL ($1) AND w.condition_at <= now() - interval '${GATHER}' AND NOT EXISTS (
    SELECT FROM users u JOIN mails m ON m.recipient = u.email AND m.kind = '${NOTICES.connections}'
    WHERE u.id = c.user_id AND coalesce(m.done_at, now()) > now() - interval '1 hour')
  LIMIT ${PEOPLE_AT_ONCE}`;

// TypeORM returns only the rows of a SELECT, so one is wrapped around the UPDATE. Of an instance that fails, a person hears
// once: not again for each connection that the watcher finds there later.
const TAKE_SQL = `
  WITH news AS (
    SELECT w.platform_id, c.name, c.instance_url, c.last_error, c.status
    FROM platform_watch w JOIN platform_connections c ON c.id = w.platform_id AND c.is_active
    WHERE c.user_id = $1 AND ${IS_NEWS} ORDER BY w.platform_id FOR UPDATE OF w SKIP LOCKED
  ), taken AS (
    UPDATE platform_watch w SET told_broken = broken_checks >= 2 FROM news WHERE w.platform_id = news.platform_id
    RETURNING w.told_broken, news.*
  )
  SELECT name AS connection, instance_url AS "instanceUrl", told_broken AS broken, last_error AS fault
  FROM taken
  WHERE NOT (told_broken AND status = ANY ($2) AND EXISTS (
    SELECT FROM platform_watch w JOIN platform_connections c ON c.id = w.platform_id
    WHERE c.user_id = $1 AND c.instance_url = taken.instance_url AND w.told_broken AND c.status = ANY ($2)))
  ORDER BY told_broken DESC, name`;

interface News {
  readonly connection: string;
  readonly instanceUrl: string;
  readonly broken: boolean;
  readonly fault: string | null;
}

/**
 * Tells people by mail which of their connections broke and which work again, at most once an hour. Everything stands in the
 * database: another process goes on when this one dies, and what broke and was mended within the hour is no news.
 */
@Injectable()
export class ConnectionNotices implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #work = new PeriodicWork(() => this.tellAll(), {
    intervalMs: INTERVAL_MS,
    logger: 'Notices',
    failed: 'People do not hear of their connections',
    again: 'People hear of their connections again.',
  });

  constructor(
    private readonly database: Database,
    private readonly notices: NoticesService,
  ) {}

  onApplicationBootstrap(): void {
    if (this.notices.enabled) this.#work.start();
  }

  /** Waits for the letter that is being written. */
  beforeApplicationShutdown(): Promise<void> {
    return this.#work.stop();
  }

  /**
   * Tells everybody for whom there are news.
   *
   * @throws the last error. A person whose letter cannot be written holds up no other.
   */
  async tellAll(): Promise<void> {
    const failed = new Map<number, unknown>();
    while (!this.#work.stopped) {
      const people = await this.database.statement<{ userId: number }>(PEOPLE_SQL, [[...failed.keys()]]);
      for (const { userId } of people) {
        if (!this.#work.stopped) await this.tell(userId).catch((error: unknown) => failed.set(userId, error));
      }
      if (people.length < PEOPLE_AT_ONCE) break;
    }
    if (failed.size > 0) throw [...failed.values()].at(-1);
  }

  private async tell(userId: number): Promise<void> {
    await this.database.transaction(async (manager) => {
      // First, as the deletion of the account does: it waits, or this finds nothing.
      await manager.query('SELECT FROM users WHERE id = $1 FOR KEY SHARE', [userId]);
      const news = await manager.query<News[]>(TAKE_SQL, [userId, OF_INSTANCE]);
      const items = news.map(({ connection, instanceUrl, broken, fault }) => ({
        ...{ connection, broken },
        // By SQL anything can have been written there.
        host: URL.canParse(instanceUrl) ? new URL(instanceUrl).host : instanceUrl,
        fault: broken ? (fault ?? '') : '',
      }));
      await this.notices.addIn(manager, userId, 'connections', items);
    });
  }
}
