import type { MigrationInterface, QueryRunner } from 'typeorm';

const BEFORE = [
  ...['mastodon', 'pixelfed', 'pleroma', 'akkoma', 'gotosocial', 'friendica', 'mastodon_api', 'misskey'],
];

/** A type for accounts of the AT Protocol, and the key by which this application authenticates to their servers. */
export class Bluesky1764003100000 implements MigrationInterface {
  name = 'Bluesky1764003100000';

  async up(runner: QueryRunner): Promise<void> {
    await this.allowTypes(runner, [...BEFORE, 'bluesky']);
    await runner.query(`
      CREATE TABLE bluesky_client_key (
        id smallint CONSTRAINT bluesky_client_key_pkey PRIMARY KEY DEFAULT 1,
        private_key text NOT NULL,
        key_id varchar(32) NOT NULL,
        CONSTRAINT bluesky_client_key_one_row CHECK (id = 1)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE bluesky_client_key');
    // Earlier versions cannot use these connections under any type. This one lets their owners see and export them.
    await runner.query(`
      UPDATE platform_connections SET platform_type = 'mastodon_api' WHERE platform_type = 'bluesky'`);
    await this.allowTypes(runner, BEFORE);
  }

  private async allowTypes(runner: QueryRunner, types: readonly string[]): Promise<void> {
    const list = types.map((type) => `'${type}'`).join(', ');
    await runner.query(`
      ALTER TABLE platform_connections
        DROP CONSTRAINT platform_connections_type_known,
        ADD CONSTRAINT platform_connections_type_known CHECK (platform_type IN (${list}))`);
  }
}
