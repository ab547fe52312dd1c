import type { MigrationInterface, QueryRunner } from 'typeorm';

const DAY = `(occurred_at AT TIME ZONE 'UTC')::date`;
const EVENTS = ['insert', 'update', 'delete'] as const;

/** Activity over time: how many activities of each kind there are of a day, kept as the totals are. */
export class ActivityDays1764001300000 implements MigrationInterface {
  name = 'ActivityDays1764001300000';

  async up(runner: QueryRunner): Promise<void> {
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

    // All rows of a statement are locked in one pass and one order, those that an update takes from and those that it
    // adds to: in two passes, two updates that move activities in opposite directions would wait for each other. What
    // keeps its day is not written again.
    const change = (changed: string): string => `
      INSERT INTO platform_activity_days AS t (platform_id, day, kind, count)
      SELECT platform_id, ${DAY}, kind, sum(change)::integer FROM (${changed}) changed
      GROUP BY 1, 2, 3 HAVING sum(change) <> 0 ORDER BY 1, 2, 3
      ON CONFLICT (platform_id, day, kind) DO UPDATE SET count = t.count + excluded.count;`;
    // Those of a connection that is being deleted may be gone already, and must not come again.
    const remove = `
      PERFORM 1 FROM platform_activity_days t
      WHERE EXISTS (SELECT 1 FROM removed r WHERE (r.platform_id, ${DAY}, r.kind) = (t.platform_id, t.day, t.kind))
      ORDER BY platform_id, day, kind FOR UPDATE;
      UPDATE platform_activity_days t SET count = t.count - r.count
      FROM (SELECT platform_id, ${DAY} AS day, kind, count(*)::integer AS count FROM removed GROUP BY 1, 2, 3) r
      WHERE (r.platform_id, r.day, r.kind) = (t.platform_id, t.day, t.kind);`;
    const added = 'SELECT *, 1 AS change FROM added';
    const body = {
      insert: change(added),
      update: change(`${added} UNION ALL SELECT *, -1 FROM removed`),
      delete: remove,
    };
    const tables = {
      insert: 'NEW TABLE AS added',
      update: 'OLD TABLE AS removed NEW TABLE AS added',
      delete: 'OLD TABLE AS removed',
    };
    for (const event of EVENTS) {
      await runner.query(`
        CREATE FUNCTION platform_activities_days_${event}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          ${body[event]}
          RETURN NULL;
        END $$`);
      await runner.query(`
        CREATE TRIGGER platform_activities_days_${event} AFTER ${event.toUpperCase()} ON platform_activities
        REFERENCING ${tables[event]} FOR EACH STATEMENT EXECUTE FUNCTION platform_activities_days_${event}()`);
    }
    // The triggers' lock on the activities keeps writers out until this is committed, so nothing is missed between.
    await runner.query(`
      INSERT INTO platform_activity_days (platform_id, day, kind, count)
      SELECT platform_id, ${DAY}, kind, count(*)::integer FROM platform_activities GROUP BY 1, 2, 3`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const event of EVENTS) {
      await runner.query(`DROP TRIGGER platform_activities_days_${event} ON platform_activities`);
      await runner.query(`DROP FUNCTION platform_activities_days_${event}`);
    }
    await runner.query('DROP TABLE platform_activity_days');
  }
}
