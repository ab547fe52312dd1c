import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What tells this installation from others, and from itself before a restore. */
export class Installation1764000900000 implements MigrationInterface {
  name = 'Installation1764000900000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE installation (
        singleton boolean NOT NULL DEFAULT true CONSTRAINT installation_pkey PRIMARY KEY,
        id uuid NOT NULL DEFAULT gen_random_uuid(),
        epoch bigint NOT NULL DEFAULT 1,
        CONSTRAINT installation_one_row CHECK (singleton)
      )`);
    await runner.query('INSERT INTO installation DEFAULT VALUES');
    // Each process follows what the others have dropped.
    await runner.query(
      'CREATE INDEX platform_changes_drained_idx ON platform_changes (drained_at, id) WHERE drained_at IS NOT NULL',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX platform_changes_drained_idx');
    await runner.query('DROP TABLE installation');
  }
}
