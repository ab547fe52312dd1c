import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Numbers for events. The id of an outbox row is taken before its transaction commits, so a reader that remembers "up to
 * 7" would miss a 6 that commits later. Events get their own numbers when they are published: one publisher at a time, so
 * they become visible in order and without a gap.
 */
export class Events1764000300000 implements MigrationInterface {
  name = 'Events1764000300000';

  async up(runner: QueryRunner): Promise<void> {
    // One row. Publishing and forgetting events lock it.
    await runner.query(`
      CREATE TABLE platform_event_position (
        id smallint NOT NULL DEFAULT 1 CONSTRAINT platform_event_position_pkey PRIMARY KEY,
        last_event_id bigint NOT NULL DEFAULT 0,
        forgotten_event_id bigint NOT NULL DEFAULT 0,
        CONSTRAINT platform_event_position_one_row CHECK (id = 1)
      )`);
    await runner.query('INSERT INTO platform_event_position DEFAULT VALUES');
    await runner.query(
      'CREATE UNIQUE INDEX platform_changes_event_idx ON platform_changes (event_id) WHERE event_id IS NOT NULL',
    );
    await runner.query(
      'CREATE INDEX platform_changes_user_event_idx ON platform_changes (user_id, event_id) WHERE event_id IS NOT NULL',
    );
    await runner.query(`
      CREATE INDEX platform_changes_unpublished_idx ON platform_changes (id)
      WHERE event_id IS NULL AND type LIKE 'platform.%'`);

    // A function, so that no lock is held while a process thinks, and each statement sees what was committed while the
    // one before it waited.
    //
    // An event is published after its cached entries are gone: a client that hears of it and asks gets the new values.
    // When nobody can drop the entries (undrained), it is published once it is older than a writer would wait
    // (WRITER_WAIT_MS): by then no process that still has the entries reads them. A change's age counts from its
    // statement, not from its COMMIT, so a process that can drop entries always waits until they are dropped. A change
    // overtakes no earlier one of the same user.
    //
    // Without a sequential scan: changes of statistics have no number and are never published. Where there are many,
    // the planner overestimates the rows that are due and would read the whole table at each look.
    await runner.query(`
      CREATE FUNCTION platform_changes_publish(most integer, undrained boolean DEFAULT true) RETURNS integer
      LANGUAGE plpgsql SET enable_seqscan = off AS $$
      DECLARE
        patience CONSTANT interval := interval '2 seconds';
        position bigint;
        reached bigint;
        published integer;
      BEGIN
        PERFORM 1 FROM platform_changes WHERE event_id IS NULL AND type LIKE 'platform.%'
          AND (drained_at IS NOT NULL OR (undrained AND at < clock_timestamp() - patience)) LIMIT 1;
        IF NOT FOUND THEN
          RETURN 0;
        END IF;

        SELECT last_event_id INTO STRICT position FROM platform_event_position FOR UPDATE;
        WITH due AS (
          SELECT c.id FROM platform_changes c
          WHERE c.event_id IS NULL AND c.type LIKE 'platform.%' AND NOT EXISTS (
            SELECT 1 FROM platform_changes earlier
            WHERE earlier.user_id = c.user_id AND earlier.id <= c.id AND earlier.drained_at IS NULL
              AND earlier.type LIKE 'platform.%' AND NOT (undrained AND earlier.at < clock_timestamp() - patience)
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

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION platform_changes_publish');
    await runner.query('DROP INDEX platform_changes_unpublished_idx');
    await runner.query('DROP INDEX platform_changes_user_event_idx');
    await runner.query('DROP INDEX platform_changes_event_idx');
    await runner.query('DROP TABLE platform_event_position');
  }
}
