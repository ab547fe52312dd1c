import type { MigrationInterface, QueryRunner } from 'typeorm';

/** So that nothing gets slower with the number of rows: totals instead of counting, and an index for searches. */
export class Growth1764000700000 implements MigrationInterface {
  name = 'Growth1764000700000';

  async up(runner: QueryRunner): Promise<void> {
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

    // Kept by the database, so that raw SQL counts too: once a statement, not once a row. Totals are always locked in
    // one order, and those of a connection that is being deleted may be gone already.
    const remove = `
      PERFORM 1 FROM platform_activity_totals t
      WHERE EXISTS (SELECT 1 FROM removed r WHERE (r.platform_id, r.kind, r.status) = (t.platform_id, t.kind, t.status))
      ORDER BY platform_id, kind, status FOR UPDATE;
      UPDATE platform_activity_totals t SET count = t.count - r.count
      FROM (SELECT platform_id, kind, status, count(*)::integer AS count FROM removed GROUP BY 1, 2, 3) r
      WHERE (r.platform_id, r.kind, r.status) = (t.platform_id, t.kind, t.status);`;
    const add = `
      INSERT INTO platform_activity_totals AS t (platform_id, kind, status, count)
      SELECT platform_id, kind, status, count(*)::integer FROM added GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
      ON CONFLICT (platform_id, kind, status) DO UPDATE SET count = t.count + excluded.count;`;
    const triggers = [
      ['insert', add, 'NEW TABLE AS added'],
      ['update', remove + add, 'OLD TABLE AS removed NEW TABLE AS added'],
      ['delete', remove, 'OLD TABLE AS removed'],
    ] as const;
    for (const [event, body, tables] of triggers) {
      await runner.query(`
        CREATE FUNCTION platform_activities_count_${event}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          ${body}
          RETURN NULL;
        END $$`);
      await runner.query(`
        CREATE TRIGGER platform_activities_count_${event} AFTER ${event.toUpperCase()} ON platform_activities
        REFERENCING ${tables} FOR EACH STATEMENT EXECUTE FUNCTION platform_activities_count_${event}()`);
    }
    await runner.query(`
      INSERT INTO platform_activity_totals (platform_id, kind, status, count)
      SELECT platform_id, kind, status, count(*)::integer FROM platform_activities GROUP BY 1, 2, 3`);

    // A trusted extension of PostgreSQL itself: the owner of the database may create it. Others may use it too, so it
    // stays when this is taken back.
    await runner.query('CREATE EXTENSION IF NOT EXISTS pg_trgm');
    await runner.query(`
      CREATE INDEX platform_connections_search_idx ON platform_connections
      USING gin (name gin_trgm_ops, instance_url gin_trgm_ops, username gin_trgm_ops)`);
    await runner.query('CREATE INDEX platform_connections_status_idx ON platform_connections (status, id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX platform_connections_status_idx');
    await runner.query('DROP INDEX platform_connections_search_idx');
    for (const event of ['insert', 'update', 'delete']) {
      await runner.query(`DROP TRIGGER platform_activities_count_${event} ON platform_activities`);
      await runner.query(`DROP FUNCTION platform_activities_count_${event}`);
    }
    await runner.query('DROP TABLE platform_activity_totals');
  }
}
