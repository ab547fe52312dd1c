import type { MigrationInterface, QueryRunner } from 'typeorm';

const BREAKS = 'broken_checks >= 2 AND NOT told_broken';
const WORKS_AGAIN = 'broken_checks = 0 AND told_broken';

/** Notices by mail: who wants which, what is in them, and which connections somebody has to hear of. Invitations by mail. */
export class Notices1764007000000 implements MigrationInterface {
  name = 'Notices1764007000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE users ADD COLUMN notices_off varchar(30)[] NOT NULL DEFAULT '{}'`);
    // Only of notices: they go to an account that exists, and go with it.
    await runner.query(`
      ALTER TABLE mails ADD COLUMN items jsonb, ADD COLUMN user_id integer,
        ADD CONSTRAINT mails_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE`);
    await runner.query('CREATE INDEX mails_user_id_idx ON mails (user_id) WHERE user_id IS NOT NULL');
    await runner.query('ALTER TABLE api_keys ADD COLUMN first_reveal_at timestamptz');
    // Made when the letter is sent. The other one is shown to the administrator, and both are good.
    await runner.query(`
      ALTER TABLE invitations ADD COLUMN mailed_token_hash bytea
        CONSTRAINT invitations_mailed_token_hash_key UNIQUE`);
    await runner.query(`
      ALTER TABLE platform_watch ADD COLUMN broken_checks smallint NOT NULL DEFAULT 0,
        ADD COLUMN told_broken boolean NOT NULL DEFAULT false, ADD COLUMN condition_at timestamptz`);
    await runner.query(
      `CREATE INDEX platform_watch_news_idx ON platform_watch (platform_id) WHERE (${BREAKS}) OR (${WORKS_AGAIN})`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX platform_watch_news_idx');
    await runner.query(
      'ALTER TABLE platform_watch DROP COLUMN broken_checks, DROP COLUMN told_broken, DROP COLUMN condition_at',
    );
    await runner.query('ALTER TABLE invitations DROP COLUMN mailed_token_hash');
    await runner.query('ALTER TABLE api_keys DROP COLUMN first_reveal_at');
    await runner.query('ALTER TABLE mails DROP COLUMN user_id, DROP COLUMN items');
    await runner.query('ALTER TABLE users DROP COLUMN notices_off');
  }
}
