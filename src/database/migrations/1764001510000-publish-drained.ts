import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A change whose cached entries nobody can drop is published all the same when it is 2 seconds old. But its age is that of
 * its statement, not of its COMMIT: after a longer transaction it seems overdue before anybody could have looked. So a
 * process that drops entries waits until they are dropped.
 */
export class PublishDrained1764001510000 implements MigrationInterface {
  name = 'PublishDrained1764001510000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION platform_changes_publish(integer)');
    // By default as before, for processes of the version before this one.
    await this.createPublish(runner, {
      parameters: 'most integer, undrained boolean DEFAULT true',
      isOverdue: (at) => `(undrained AND ${at} < clock_timestamp() - patience)`,
    });
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION platform_changes_publish(integer, boolean)');
    await this.createPublish(runner, {
      parameters: 'most integer',
      isOverdue: (at) => `${at} < clock_timestamp() - patience`,
    });
  }

  private async createPublish(
    runner: QueryRunner,
    { parameters, isOverdue }: { parameters: string; isOverdue: (at: string) => string },
  ): Promise<void> {
    await runner.query(`
      CREATE FUNCTION platform_changes_publish(${parameters}) RETURNS integer LANGUAGE plpgsql
      SET enable_seqscan = off AS $$
      DECLARE
        patience CONSTANT interval := interval '2 seconds';
        position bigint;
        reached bigint;
        published integer;
      BEGIN
        PERFORM 1 FROM platform_changes WHERE event_id IS NULL AND type LIKE 'platform.%'
          AND (drained_at IS NOT NULL OR ${isOverdue('at')}) LIMIT 1;
        IF NOT FOUND THEN
          RETURN 0;
        END IF;

        SELECT last_event_id INTO STRICT position FROM platform_event_position FOR UPDATE;
        WITH due AS (
          SELECT c.id FROM platform_changes c
          WHERE c.event_id IS NULL AND c.type LIKE 'platform.%' AND NOT EXISTS (
            SELECT 1 FROM platform_changes earlier
            WHERE earlier.user_id = c.user_id AND earlier.id <= c.id AND earlier.drained_at IS NULL
              AND earlier.type LIKE 'platform.%' AND NOT ${isOverdue('earlier.at')}
          )
          ORDER BY c.id LIMIT most
        ), numbered AS (
          SELECT id, position + row_number() OVER (ORDER BY id) AS number FROM due
        ), done AS (
          UPDATE platform_changes c SET event_id = numbered.number FROM numbered WHERE c.id = numbered.id
          RETURNING c.event_id
        )
        SELECT max(event_id), count(*) INTO reached, published FROM done;
        IF published > 0 THEN
          UPDATE platform_event_position SET last_event_id = reached;
          NOTIFY platform_events;
        END IF;
        RETURN published;
      END $$`);
  }
}
