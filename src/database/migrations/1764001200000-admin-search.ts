import type { MigrationInterface, QueryRunner } from 'typeorm';

/** So that an admin's filter by platform type finds a page, in the order of ids, without reading all rows. */
export class AdminSearch1764001200000 implements MigrationInterface {
  name = 'AdminSearch1764001200000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'CREATE INDEX platform_connections_type_idx ON platform_connections (platform_type, id)',
    );
    await runner.query(
      'CREATE INDEX platform_connections_type_status_idx ON platform_connections (platform_type, status, id)',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX platform_connections_type_status_idx');
    await runner.query('DROP INDEX platform_connections_type_idx');
  }
}
