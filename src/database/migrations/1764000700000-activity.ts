import type { MigrationInterface, QueryRunner } from 'typeorm';

const EVENTS = ['insert', 'update', 'delete'] as const;
type Event = (typeof EVENTS)[number];

const CHANGED_ROWS: Record<Event, string> = {
  insert: 'NEW TABLE AS added',
  update: 'OLD TABLE AS removed NEW TABLE AS added',
  delete: 'OLD TABLE AS removed',
};

// Counts of a connection that is being deleted may be gone already, and must not come back: only UPDATE.
const TAKE_FROM_TOTALS = `
          PERFORM 1 FROM platform_activity_totals t
          WHERE EXISTS (SELECT 1 FROM removed r WHERE (r.platform_id, r.kind, r.status) = (t.platform_id, t.kind, t.status))
          ORDER BY platform_id, kind, status FOR UPDATE;
          UPDATE platform_activity_totals t SET count = t.count - r.count
          FROM (SELECT platform_id, kind, status, count(*)::integer AS count FROM removed GROUP BY 1, 2, 3) r
          WHERE (r.platform_id, r.kind, r.status) = (t.platform_id, t.kind, t.status);`;
const ADD_TO_TOTALS = `
          INSERT INTO platform_activity_totals AS t (platform_id, kind, status, count)
          SELECT platform_id, kind, status, count(*)::integer FROM added GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
          ON CONFLICT (platform_id, kind, status) DO UPDATE SET count = t.count + excluded.count;`;
const COUNT_TOTALS: Record<Event, string> = {
  insert: ADD_TO_TOTALS,
  update: TAKE_FROM_TOTALS + ADD_TO_TOTALS,
  delete: TAKE_FROM_TOTALS,
};

const DAY = `(occurred_at AT TIME ZONE 'UTC')::date`;
// An update locks all its rows in one pass and one order, both those that it takes from and those that it adds to. With
// two passes, two updates that move activities in opposite directions would deadlock. A day whose count stays the same is
// not written.
const countDays = (changed: string): string => `
          INSERT INTO platform_activity_days AS t (platform_id, day, kind, count)
          SELECT platform_id, ${DAY}, kind, sum(change)::integer FROM (${changed}) changed
          GROUP BY 1, 2, 3 HAVING sum(change) <> 0 ORDER BY 1, 2, 3
          ON CONFLICT (platform_id, day, kind) DO UPDATE SET count = t.count + excluded.count;`;
const COUNT_DAYS: Record<Event, string> = {
  insert: countDays('SELECT *, 1 AS change FROM added'),
  update: countDays('SELECT *, 1 AS change FROM added UNION ALL SELECT *, -1 FROM removed'),
  delete: `
          PERFORM 1 FROM platform_activity_days t
          WHERE EXISTS (SELECT 1 FROM removed r WHERE (r.platform_id, ${DAY}, r.kind) = (t.platform_id, t.day, t.kind))
          ORDER BY platform_id, day, kind FOR UPDATE;
          UPDATE platform_activity_days t SET count = t.count - r.count
          FROM (SELECT platform_id, ${DAY} AS day, kind, count(*)::integer AS count FROM removed GROUP BY 1, 2, 3) r
          WHERE (r.platform_id, r.day, r.kind) = (t.platform_id, t.day, t.kind);`,
};

/**
 * Activities that workers report, and counts of them: in total and by day, so that statistics do not get slower with the
 * number of activities. Triggers keep the counts, so SQL by hand counts too: once per statement, not once per row. Counts
 * are always locked in one order.
 */
export class Activity1764000700000 implements MigrationInterface {
  name = 'Activity1764000700000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE platform_activities (
        platform_id integer NOT NULL,
        kind varchar(20) NOT NULL,
        external_id varchar(200) NOT NULL,
        status varchar(50) NOT NULL,
        occurred_at timestamptz NOT NULL,
        CONSTRAINT platform_activities_pkey PRIMARY KEY (platform_id, kind, external_id),
        CONSTRAINT platform_activities_platform_id_fkey
          FOREIGN KEY (platform_id) REFERENCES platform_connections (id) ON DELETE CASCADE,
        CONSTRAINT platform_activities_kind_known CHECK (kind IN ('post', 'image', 'processing_run'))
      )`);
    await runner.query(`
      CREATE TABLE platform_activity_totals (
        platform_id integer NOT NULL,
        kind varchar(20) NOT NULL,
        status varchar(50) NOT NULL,
        count integer NOT NULL,
        CONSTRAINT platform_activity_totals_pkey PRIMARY KEY (platform_id, kind, status),
        CONSTRAINT platform_activity_totals_platform_id_fkey FOREIGN KEY (platform_id)
          REFERENCES platform_connections (id) ON DELETE CASCADE
      )`);
    await runner.query(`
      CREATE TABLE platform_activity_days (
        platform_id integer NOT NULL,
        day date NOT NULL,
        kind varchar(20) NOT NULL,
        count integer NOT NULL,
        CONSTRAINT platform_activity_days_pkey PRIMARY KEY (platform_id, day, kind),
        CONSTRAINT platform_activity_days_platform_id_fkey FOREIGN KEY (platform_id)
          REFERENCES platform_connections (id) ON DELETE CASCADE
      )`);
    for (const event of EVENTS) {
      await this.afterEach(runner, event, 'count', COUNT_TOTALS[event]);
      await this.afterEach(runner, event, 'days', COUNT_DAYS[event]);
    }
    await this.recordChanges(runner);
    await this.recordTruncate(runner);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE platform_activity_days');
    await runner.query('DROP TABLE platform_activity_totals');
    await runner.query('DROP TABLE platform_activities');
    for (const event of EVENTS) {
      await runner.query(`DROP FUNCTION platform_activities_count_${event}`);
      await runner.query(`DROP FUNCTION platform_activities_days_${event}`);
    }
    for (const event of ['change', 'update', 'truncate']) {
      await runner.query(`DROP FUNCTION platform_activities_record_${event}`);
    }
  }

  private async afterEach(runner: QueryRunner, event: Event, what: string, body: string): Promise<void> {
    const name = `platform_activities_${what}_${event}`;
    await runner.query(`
        CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN${body}
          RETURN NULL;
        END $$`);
    await runner.query(`
        CREATE TRIGGER ${name} AFTER ${event.toUpperCase()} ON platform_activities
        REFERENCING ${CHANGED_ROWS[event]} FOR EACH STATEMENT EXECUTE FUNCTION ${name}()`);
  }

  /** One outbox row per statement and connection, however many of its activities the statement touched. */
  private async recordChanges(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION platform_activities_record_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO platform_changes (user_id, platform_id, type)
        SELECT p.user_id, p.id, 'stats.changed' FROM platform_connections p
        WHERE p.id IN (SELECT platform_id FROM changed);
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER platform_activities_insert AFTER INSERT ON platform_activities REFERENCING NEW TABLE AS changed
      FOR EACH STATEMENT EXECUTE FUNCTION platform_activities_record_change()`);
    await runner.query(`
      CREATE TRIGGER platform_activities_delete AFTER DELETE ON platform_activities REFERENCING OLD TABLE AS changed
      FOR EACH STATEMENT EXECUTE FUNCTION platform_activities_record_change()`);

    // SQL by hand can move activities to another connection: both of them count.
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
  }

  /** Before, not after: when TRUNCATE takes the connections too, nothing says afterwards whose they were. */
  private async recordTruncate(runner: QueryRunner): Promise<void> {
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
  }
}
