import type { MigrationInterface, QueryRunner } from 'typeorm';

/** For administrators: which connections broke last, and how much is still under another key, without reading everything. */
export class Attention1764007200000 implements MigrationInterface {
  name = 'Attention1764007200000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE INDEX platform_connections_key_id_idx ON platform_connections (key_id)');
    await runner.query('CREATE INDEX totp_factors_key_id_idx ON totp_factors (key_id)');
    await runner.query(
      'CREATE INDEX platform_watch_broken_idx ON platform_watch (condition_at) WHERE broken_checks > 0',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX platform_watch_broken_idx');
    await runner.query('DROP INDEX totp_factors_key_id_idx');
    await runner.query('DROP INDEX platform_connections_key_id_idx');
  }
}
