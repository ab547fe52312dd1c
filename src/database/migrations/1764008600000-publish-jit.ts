import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The function forbids sequential scans, so PostgreSQL takes the one of a table with one row for very expensive, and compiles
 * the statement. That took 70 ms on a busy machine each time that events were numbered.
 */
export class PublishJit1764008600000 implements MigrationInterface {
  name = 'PublishJit1764008600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER FUNCTION platform_changes_publish(integer, boolean) SET jit = off');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER FUNCTION platform_changes_publish(integer, boolean) RESET jit');
  }
}
