import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What callers say of a connection: labels of theirs, and the id that they know it by. */
export class Labels1764006700000 implements MigrationInterface {
  name = 'Labels1764006700000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE platform_connections
        ADD COLUMN labels jsonb NOT NULL DEFAULT '{}',
        ADD COLUMN external_id varchar(200),
        ADD CONSTRAINT platform_connections_labels_object CHECK (jsonb_typeof(labels) = 'object'),
        ADD CONSTRAINT platform_connections_external_id_key UNIQUE (user_id, external_id)`);
    // For administrators, who look among the connections of all users.
    await runner.query(
      'CREATE INDEX platform_connections_labels_idx ON platform_connections USING gin (labels)',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE platform_connections DROP COLUMN labels, DROP COLUMN external_id');
  }
}
