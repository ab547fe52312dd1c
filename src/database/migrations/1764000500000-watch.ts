import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The watcher's schedule, kept beside the hot row. */
export class Watch1764000500000 implements MigrationInterface {
  name = 'Watch1764000500000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE platform_watch (
        platform_id integer CONSTRAINT platform_watch_pkey PRIMARY KEY,
        next_check_at timestamptz,
        refresh_at timestamptz,
        CONSTRAINT platform_watch_platform_id_fkey FOREIGN KEY (platform_id)
          REFERENCES platform_connections (id) ON DELETE CASCADE
      )`);
    await runner.query('CREATE INDEX platform_watch_next_check_at_idx ON platform_watch (next_check_at)');
    await runner.query(
      'CREATE INDEX platform_watch_unplanned_idx ON platform_watch (platform_id) WHERE next_check_at IS NULL',
    );
    await runner.query(`
      CREATE TABLE instance_watch (
        instance_url varchar(500) CONSTRAINT instance_watch_pkey PRIMARY KEY,
        failures integer NOT NULL DEFAULT 0,
        retry_at timestamptz NOT NULL
      )`);
    await runner.query('CREATE INDEX instance_watch_retry_at_idx ON instance_watch (retry_at)');

    // Writing a connection, also by hand, plans its checks in the same transaction. The time of the first check depends
    // on a setting, so it is left open here. A token is refreshed seven days before its end, or in the last quarter of a
    // shorter life. Only this moment, when the token comes in, knows how long its life is.
    await runner.query(`
      CREATE FUNCTION platform_connections_plan_watch() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE
        refresh timestamptz := CASE WHEN NEW.refresh_token IS NOT NULL THEN
          NEW.token_expires_at - least(interval '7 days', greatest(NEW.token_expires_at - now(), interval '0') / 4) END;
      BEGIN
        INSERT INTO platform_watch (platform_id, refresh_at) VALUES (NEW.id, refresh)
        ON CONFLICT (platform_id) DO UPDATE SET
          refresh_at = refresh,
          next_check_at = CASE WHEN platform_watch.next_check_at IS NOT NULL
            THEN least(platform_watch.next_check_at, refresh) END;
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER platform_connections_plan_insert AFTER INSERT ON platform_connections
      FOR EACH ROW EXECUTE FUNCTION platform_connections_plan_watch()`);
    // A new ciphertext alone is no new refresh token: a key rotation writes one for the same token.
    await runner.query(`
      CREATE TRIGGER platform_connections_plan_update AFTER UPDATE ON platform_connections FOR EACH ROW
      WHEN ((OLD.token_expires_at, OLD.refresh_token IS NULL)
        IS DISTINCT FROM (NEW.token_expires_at, NEW.refresh_token IS NULL))
      EXECUTE FUNCTION platform_connections_plan_watch()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TRIGGER platform_connections_plan_update ON platform_connections');
    await runner.query('DROP TRIGGER platform_connections_plan_insert ON platform_connections');
    await runner.query('DROP FUNCTION platform_connections_plan_watch');
    await runner.query('DROP TABLE instance_watch');
    await runner.query('DROP TABLE platform_watch');
  }
}
