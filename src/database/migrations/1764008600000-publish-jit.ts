import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Without sequential scans PostgreSQL takes those of a table with one row for the most expensive there are, and compiles
 * them: 70 ms of its CPU each time that events were numbered.
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
