import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Addresses that people want instead of theirs, until both have been confirmed. */
export class EmailChanges1764005300000 implements MigrationInterface {
  name = 'EmailChanges1764005300000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE email_changes (
        user_id integer NOT NULL CONSTRAINT email_changes_pkey PRIMARY KEY,
        new_email varchar(320) NOT NULL,
        old_confirmed boolean NOT NULL DEFAULT false,
        new_confirmed boolean NOT NULL DEFAULT false,
        requested_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT email_changes_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
      )`);
    await runner.query('CREATE INDEX email_changes_new_email_idx ON email_changes (new_email)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE email_changes');
  }
}
