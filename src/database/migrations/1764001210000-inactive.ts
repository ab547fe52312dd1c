import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The watcher puts inactive connections off in each round: few, and found without reading the others. */
export class Inactive1764001210000 implements MigrationInterface {
  name = 'Inactive1764001210000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'CREATE INDEX platform_connections_inactive_idx ON platform_connections (id) WHERE NOT is_active',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX platform_connections_inactive_idx');
  }
}
