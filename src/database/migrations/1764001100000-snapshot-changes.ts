import type { MigrationInterface, QueryRunner } from 'typeorm';

const EVENTS = [
  ['insert', 'NEW'],
  ['update', 'NEW'],
  ['delete', 'OLD'],
] as const;

/** Statistics show an account's last snapshot, so writing one makes what is cached of them wrong. */
export class SnapshotChanges1764001100000 implements MigrationInterface {
  name = 'SnapshotChanges1764001100000';

  async up(runner: QueryRunner): Promise<void> {
    // Not those that a later one hides: a year of old ones that is removed changes nothing that is shown. Nor those that
    // go with their connection, whose own record is enough.
    await runner.query(`
      CREATE FUNCTION account_snapshots_record_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO platform_changes (user_id, platform_id, type)
        SELECT p.user_id, p.id, 'stats.changed' FROM platform_connections p
        WHERE p.id IN (
          SELECT c.platform_id FROM changed c WHERE NOT EXISTS (
            SELECT 1 FROM account_snapshots later
            WHERE later.platform_id = c.platform_id AND later.account_id = c.account_id AND later.taken_on > c.taken_on
          )
        );
        RETURN NULL;
      END $$`);
    for (const [event, table] of EVENTS) {
      await runner.query(`
        CREATE TRIGGER account_snapshots_${event} AFTER ${event.toUpperCase()} ON account_snapshots
        REFERENCING ${table} TABLE AS changed
        FOR EACH STATEMENT EXECUTE FUNCTION account_snapshots_record_change()`);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const [event] of EVENTS) {
      await runner.query(`DROP TRIGGER account_snapshots_${event} ON account_snapshots`);
    }
    await runner.query('DROP FUNCTION account_snapshots_record_change');
  }
}
