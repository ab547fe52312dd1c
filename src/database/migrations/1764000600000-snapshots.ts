import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Accounts day by day. Statistics show the last snapshot, so writing one makes their cached entries wrong. */
export class Snapshots1764000600000 implements MigrationInterface {
  name = 'Snapshots1764000600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE account_snapshots (
        platform_id integer NOT NULL,
        taken_on date NOT NULL,
        taken_at timestamptz NOT NULL,
        account_id varchar(100) NOT NULL,
        followers integer,
        following integer,
        statuses integer,
        CONSTRAINT account_snapshots_pkey PRIMARY KEY (platform_id, taken_on),
        CONSTRAINT account_snapshots_platform_id_fkey FOREIGN KEY (platform_id)
          REFERENCES platform_connections (id) ON DELETE CASCADE
      )`);
    await runner.query('CREATE INDEX account_snapshots_taken_on_idx ON account_snapshots (taken_on)');

    // A snapshot that a later one hides is not recorded: removing a year of old ones changes nothing that is shown. Nor
    // are snapshots that go with their connection: its own record is enough.
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
    await runner.query(`
      CREATE TRIGGER account_snapshots_insert AFTER INSERT ON account_snapshots REFERENCING NEW TABLE AS changed
      FOR EACH STATEMENT EXECUTE FUNCTION account_snapshots_record_change()`);
    await runner.query(`
      CREATE TRIGGER account_snapshots_delete AFTER DELETE ON account_snapshots REFERENCING OLD TABLE AS changed
      FOR EACH STATEMENT EXECUTE FUNCTION account_snapshots_record_change()`);

    // SQL by hand can move a snapshot to another connection or day: what it was and what it is both count.
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
    await runner.query('DROP TABLE account_snapshots');
    for (const event of ['change', 'update', 'truncate']) {
      await runner.query(`DROP FUNCTION account_snapshots_record_${event}`);
    }
  }
}
