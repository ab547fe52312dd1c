import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What is repeated after a change of the Redis server is read in pages: each goes on in the index where the last one ended. */
export class Replay1764001230000 implements MigrationInterface {
  name = 'Replay1764001230000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE INDEX platform_changes_at_id_idx ON platform_changes (at, id)');
    await runner.query('DROP INDEX platform_changes_at_idx');
    // A function for the sake of its settings. Rows that came since the planner was told of any look few to it: it would
    // collect all of them for each page and sort them, where the index has them in order. A sort that is forbidden but
    // needed has a cost at which code is generated, which takes longer than the page.
    await runner.query(`
      CREATE FUNCTION platform_changes_since(from_at timestamptz, from_id bigint, seconds float8, most integer)
      RETURNS TABLE (user_id integer, platform_id integer, type varchar, end_at timestamptz, end_id bigint, is_last boolean)
      LANGUAGE sql STABLE SET enable_sort = off SET jit = off AS $$
        WITH page AS (
          SELECT c.at, c.id, c.user_id, c.platform_id, c.type FROM platform_changes c
          WHERE (c.at, c.id) > (from_at, from_id) AND c.at > now() - make_interval(secs => seconds)
          ORDER BY c.at, c.id LIMIT most
        ), reached AS (
          SELECT page.at, page.id, (SELECT count(*) FROM page) < most AS is_last FROM page
          ORDER BY page.at DESC, page.id DESC LIMIT 1
        )
        SELECT DISTINCT page.user_id, page.platform_id, page.type, reached.at, reached.id, reached.is_last
        FROM page, reached
      $$`);
    // Changes of statistics have no number and are never published. Where there are many, "without a number" and
    // "published" look like many rows to the planner, which knows each share but not that together there is hardly any:
    // it would read the whole table at each look, although there is an index of just these rows.
    await runner.query('ALTER FUNCTION platform_changes_publish(integer) SET enable_seqscan = off');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER FUNCTION platform_changes_publish(integer) RESET enable_seqscan');
    await runner.query('DROP FUNCTION platform_changes_since');
    await runner.query('CREATE INDEX platform_changes_at_idx ON platform_changes (at)');
    await runner.query('DROP INDEX platform_changes_at_id_idx');
  }
}
