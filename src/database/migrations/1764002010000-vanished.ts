import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Since when the watcher has not found the name of an instance. */
export class Vanished1764002010000 implements MigrationInterface {
  name = 'Vanished1764002010000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE instance_watch ADD COLUMN vanished_at timestamptz');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE instance_watch DROP COLUMN vanished_at');
    // Earlier versions do not know the other status.
    await runner.query(`
      UPDATE platform_connections SET status = 'instance_unreachable' WHERE status = 'instance_gone'`);
  }
}
