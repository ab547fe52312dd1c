import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A token that the instance refuses is refreshed before it is due, and still by one process at a time. */
export class RefreshLease1764006200000 implements MigrationInterface {
  name = 'RefreshLease1764006200000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE platform_watch ADD COLUMN refresh_leased_until timestamptz');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE platform_watch DROP COLUMN refresh_leased_until');
  }
}
