import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Where an account's picture is. Known from the next check of a connection on. */
export class Avatars1764001400000 implements MigrationInterface {
  name = 'Avatars1764001400000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE platform_connections ADD COLUMN avatar_url varchar(2048)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE platform_connections DROP COLUMN avatar_url');
  }
}
