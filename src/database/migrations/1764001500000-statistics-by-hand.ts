import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What SQL by hand can do to activities and snapshots and the application does not: move them to another connection or
 * day, and TRUNCATE.
 */
export class StatisticsByHand1764001500000 implements MigrationInterface {
  name = 'StatisticsByHand1764001500000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TRIGGER platform_activities_update ON platform_activities');
    await runner.query(`
      CREATE FUNCTION platform_activities_record_update() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO platform_changes (user_id, platform_id, type)
        SELECT p.user_id, p.id, 'stats.changed' FROM platform_connections p
        WHERE p.id IN (SELECT platform_id FROM removed UNION SELECT platform_id FROM added);
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER platform_activities_update AFTER UPDATE ON platform_activities
      REFERENCING OLD TABLE AS removed NEW TABLE AS added
      FOR EACH STATEMENT EXECUTE FUNCTION platform_activities_record_update()`);

    // Before, for when connections go with the activities, nothing would tell of whom they were.
    await runner.query(`
      CREATE FUNCTION platform_activities_record_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO platform_changes (user_id, platform_id, type)
        SELECT p.user_id, p.id, 'stats.changed' FROM platform_connections p
        WHERE p.id IN (SELECT platform_id FROM platform_activity_totals);
        DELETE FROM platform_activity_totals;
        DELETE FROM platform_activity_days;
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER platform_activities_truncate BEFORE TRUNCATE ON platform_activities
      FOR EACH STATEMENT EXECUTE FUNCTION platform_activities_record_truncate()`);

    await runner.query('DROP TRIGGER account_snapshots_update ON account_snapshots');
    await runner.query(`
      CREATE FUNCTION account_snapshots_record_update() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO platform_changes (user_id, platform_id, type)
        SELECT p.user_id, p.id, 'stats.changed' FROM platform_connections p
        WHERE p.id IN (
          SELECT c.platform_id FROM (TABLE removed UNION ALL TABLE added) c WHERE NOT EXISTS (
            SELECT 1 FROM account_snapshots later
            WHERE later.platform_id = c.platform_id AND later.account_id = c.account_id AND later.taken_on > c.taken_on
          )
        );
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER account_snapshots_update AFTER UPDATE ON account_snapshots
      REFERENCING OLD TABLE AS removed NEW TABLE AS added
      FOR EACH STATEMENT EXECUTE FUNCTION account_snapshots_record_update()`);
    await runner.query(`
      CREATE FUNCTION account_snapshots_record_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO platform_changes (user_id, platform_id, type)
        SELECT p.user_id, p.id, 'stats.changed' FROM platform_connections p
        WHERE p.id IN (SELECT platform_id FROM account_snapshots);
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER account_snapshots_truncate BEFORE TRUNCATE ON account_snapshots
      FOR EACH STATEMENT EXECUTE FUNCTION account_snapshots_record_truncate()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TRIGGER account_snapshots_truncate ON account_snapshots');
    await runner.query('DROP FUNCTION account_snapshots_record_truncate');
    await runner.query('DROP TRIGGER account_snapshots_update ON account_snapshots');
    await runner.query('DROP FUNCTION account_snapshots_record_update');
    await runner.query(`
      CREATE TRIGGER account_snapshots_update AFTER UPDATE ON account_snapshots
      REFERENCING NEW TABLE AS changed
      FOR EACH STATEMENT EXECUTE FUNCTION account_snapshots_record_change()`);
    await runner.query('DROP TRIGGER platform_activities_truncate ON platform_activities');
    await runner.query('DROP FUNCTION platform_activities_record_truncate');
    await runner.query('DROP TRIGGER platform_activities_update ON platform_activities');
    await runner.query('DROP FUNCTION platform_activities_record_update');
    await runner.query(`
      CREATE TRIGGER platform_activities_update AFTER UPDATE ON platform_activities
      REFERENCING NEW TABLE AS changed
      FOR EACH STATEMENT EXECUTE FUNCTION platform_activities_record_change()`);
  }
}
