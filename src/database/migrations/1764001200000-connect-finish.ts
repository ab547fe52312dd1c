import type { MigrationInterface, QueryRunner } from 'typeorm';

/** An attempt to connect keeps its code until the page of its user finishes it. */
export class ConnectFinish1764001200000 implements MigrationInterface {
  name = 'ConnectFinish1764001200000';

  async up(runner: QueryRunner): Promise<void> {
    // Attempts live ten minutes, and those begun before wait at a redirect URI that is no longer served.
    await runner.query('DELETE FROM connect_attempts');
    await runner.query(`
      ALTER TABLE connect_attempts
        ADD COLUMN attempt_hash bytea CONSTRAINT connect_attempts_attempt_hash_key UNIQUE,
        ADD COLUMN code text,
        DROP COLUMN renewed`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DELETE FROM connect_attempts');
    await runner.query(`
      ALTER TABLE connect_attempts
        DROP COLUMN attempt_hash,
        DROP COLUMN code,
        ADD COLUMN renewed boolean NOT NULL DEFAULT false`);
  }
}
