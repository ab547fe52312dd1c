import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What is repeated after a change of the Redis server is read in pages: each goes on in the index where the last one ended. */
export class Replay1764001230000 implements MigrationInterface {
  name = 'Replay1764001230000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE INDEX platform_changes_at_id_idx ON platform_changes (at, id)');
    await runner.query('DROP INDEX platform_changes_at_idx');
    // Changes of statistics have no number and are never published. Where there are many, "without a number" and
    // "published" look like many rows to the planner, which knows each share but not that together there is hardly any:
    // it would read the whole table at each look, although there is an index of just these rows.
    await runner.query('ALTER FUNCTION platform_changes_publish(integer) SET enable_seqscan = off');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER FUNCTION platform_changes_publish(integer) RESET enable_seqscan');
    await runner.query('CREATE INDEX platform_changes_at_idx ON platform_changes (at)');
    await runner.query('DROP INDEX platform_changes_at_id_idx');
  }
}
