import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Numbers for events. The id of an outbox row is taken before its transaction commits, so a reader that remembers "up to
 * 7" would miss a 6 that commits later. Events get numbers of their own when they are published: one publisher at a time,
 * so they become visible in their order and without a gap.
 */
export class Events1764000600000 implements MigrationInterface {
  name = 'Events1764000600000';

  async up(runner: QueryRunner): Promise<void> {
    // One row. Whoever publishes or forgets locks it.
    await runner.query(`
      CREATE TABLE platform_event_position (
        id smallint NOT NULL DEFAULT 1 CONSTRAINT platform_event_position_pkey PRIMARY KEY,
        last_event_id bigint NOT NULL DEFAULT 0,
        forgotten_event_id bigint NOT NULL DEFAULT 0,
        CONSTRAINT platform_event_position_one_row CHECK (id = 1)
      )`);
    await runner.query('INSERT INTO platform_event_position DEFAULT VALUES');
    await runner.query('ALTER TABLE platform_changes ADD COLUMN event_id bigint');
    await runner.query(
      'CREATE UNIQUE INDEX platform_changes_event_idx ON platform_changes (event_id) WHERE event_id IS NOT NULL',
    );
    await runner.query(
      'CREATE INDEX platform_changes_user_event_idx ON platform_changes (user_id, event_id) WHERE event_id IS NOT NULL',
    );
    await runner.query(`
      CREATE INDEX platform_changes_unpublished_idx ON platform_changes (id)
      WHERE event_id IS NULL AND type LIKE 'platform.%'`);

    // A function, so that nothing is locked while a process thinks, and so that each statement sees what was committed
    // while the one before it waited. An event comes after its cached entries are gone: who hears of it and asks, is
    // answered with what is new. When that takes longer than a writer would wait for it (WRITER_WAIT_MS), no process
    // that still has the entries reads them. A change overtakes no earlier one of the same user.
    await runner.query(`
      CREATE FUNCTION platform_changes_publish(most integer) RETURNS integer LANGUAGE plpgsql AS $$
      DECLARE
        patience CONSTANT interval := interval '2 seconds';
        position bigint;
        reached bigint;
        published integer;
      BEGIN
        PERFORM 1 FROM platform_changes WHERE event_id IS NULL AND type LIKE 'platform.%'
          AND (drained_at IS NOT NULL OR at < clock_timestamp() - patience) LIMIT 1;
        IF NOT FOUND THEN
          RETURN 0;
        END IF;

        SELECT last_event_id INTO STRICT position FROM platform_event_position FOR UPDATE;
        WITH due AS (
          SELECT c.id FROM platform_changes c
          WHERE c.event_id IS NULL AND c.type LIKE 'platform.%' AND NOT EXISTS (
            SELECT 1 FROM platform_changes earlier
            WHERE earlier.user_id = c.user_id AND earlier.id <= c.id AND earlier.drained_at IS NULL
              AND earlier.type LIKE 'platform.%' AND earlier.at >= clock_timestamp() - patience
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
    await this.recordChanges(
      runner,
      // A rotation re-encrypts every connection, and nothing that anybody is shown changes. Who is given another user's
      // connection has not heard of it before.
      `ELSIF current_setting('platform_manager.rewrap', true) = 'on' THEN
          change := 'keys.rotated';
        ELSIF (OLD.user_id, OLD.id) <> (NEW.user_id, NEW.id) THEN
          change := 'platform.created';`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await this.recordChanges(runner, '');
    await runner.query('DROP FUNCTION platform_changes_publish');
    await runner.query('DROP INDEX platform_changes_unpublished_idx');
    await runner.query('ALTER TABLE platform_changes DROP COLUMN event_id');
    await runner.query('DROP TABLE platform_event_position');
  }

  private async recordChanges(runner: QueryRunner, moreCases: string): Promise<void> {
    await runner.query(`
      CREATE OR REPLACE FUNCTION platform_connections_record_change() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE
        change text;
      BEGIN
        IF TG_OP = 'INSERT' THEN
          change := 'platform.created';
        ELSIF TG_OP = 'DELETE' THEN
          change := 'platform.deleted';
        ELSIF to_jsonb(NEW) - 'last_used' IS NOT DISTINCT FROM to_jsonb(OLD) - 'last_used' THEN
          RETURN NULL;
        ${moreCases}
        ELSIF NEW.status IS DISTINCT FROM OLD.status THEN
          change := 'platform.status_changed';
        ELSIF NEW.is_default IS DISTINCT FROM OLD.is_default THEN
          change := 'platform.default_changed';
        ELSE
          change := 'platform.updated';
        END IF;

        IF TG_OP <> 'INSERT' AND (TG_OP = 'DELETE' OR (OLD.user_id, OLD.id) <> (NEW.user_id, NEW.id)) THEN
          INSERT INTO platform_changes (user_id, platform_id, type) VALUES (OLD.user_id, OLD.id, 'platform.deleted');
        END IF;
        IF TG_OP <> 'DELETE' THEN
          INSERT INTO platform_changes (user_id, platform_id, type) VALUES (NEW.user_id, NEW.id, change);
        END IF;
        RETURN NULL;
      END $$`);
  }
}
