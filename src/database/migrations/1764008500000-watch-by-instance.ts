import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The instance beside the time of the next check, so that one index has the checks of an instance in the order in which
 * they are due. Without it, each claim of ten reads all that are due, and at a large instance many always are.
 */
export class WatchByInstance1764008500000 implements MigrationInterface {
  name = 'WatchByInstance1764008500000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE platform_watch ADD COLUMN instance_url varchar(500)');
    await runner.query(`
      UPDATE platform_watch w SET instance_url = c.instance_url FROM platform_connections c WHERE c.id = w.platform_id`);
    await runner.query('ALTER TABLE platform_watch ALTER COLUMN instance_url SET NOT NULL');
    await runner.query(
      'CREATE INDEX platform_watch_instance_idx ON platform_watch (instance_url, next_check_at)',
    );
    // What has failed for the first time comes first.
    await runner.query(`
      CREATE INDEX platform_watch_confirm_idx ON platform_watch (instance_url, next_check_at) WHERE broken_checks = 1`);
    await runner.query(`
      CREATE FUNCTION platform_watch_take_instance() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        SELECT instance_url INTO NEW.instance_url FROM platform_connections WHERE id = NEW.platform_id;
        RETURN NEW;
      END $$`);
    await runner.query(`
      CREATE TRIGGER platform_watch_take_instance BEFORE INSERT ON platform_watch
      FOR EACH ROW EXECUTE FUNCTION platform_watch_take_instance()`);
    // An account at Bluesky may move to another server.
    await runner.query(`
      CREATE FUNCTION platform_connections_move_watch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        UPDATE platform_watch SET instance_url = NEW.instance_url WHERE platform_id = NEW.id;
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER platform_connections_move_watch AFTER UPDATE ON platform_connections FOR EACH ROW
      WHEN (OLD.instance_url IS DISTINCT FROM NEW.instance_url) EXECUTE FUNCTION platform_connections_move_watch()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TRIGGER platform_connections_move_watch ON platform_connections');
    await runner.query('DROP FUNCTION platform_connections_move_watch');
    await runner.query('DROP TRIGGER platform_watch_take_instance ON platform_watch');
    await runner.query('DROP FUNCTION platform_watch_take_instance');
    await runner.query('DROP INDEX platform_watch_confirm_idx');
    await runner.query('DROP INDEX platform_watch_instance_idx');
    await runner.query('ALTER TABLE platform_watch DROP COLUMN instance_url');
  }
}
