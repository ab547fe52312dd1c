import type { MigrationInterface, QueryRunner } from 'typeorm';

/** People delete their account, and may come back within a week. */
export class Leaving1764004000000 implements MigrationInterface {
  name = 'Leaving1764004000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE users ADD COLUMN leaves_at timestamptz');
    await runner.query('CREATE INDEX users_leaves_at_idx ON users (leaves_at) WHERE leaves_at IS NOT NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE users DROP COLUMN leaves_at');
  }
}
