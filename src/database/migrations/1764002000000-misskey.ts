import type { MigrationInterface, QueryRunner } from 'typeorm';

const BEFORE = ['mastodon', 'pixelfed', 'pleroma', 'akkoma', 'gotosocial', 'friendica', 'mastodon_api'];

/** A type for what speaks Misskey's API, and attempts by MiAuth, which belong to no client. */
export class Misskey1764002000000 implements MigrationInterface {
  name = 'Misskey1764002000000';

  async up(runner: QueryRunner): Promise<void> {
    await this.allowTypes(runner, [...BEFORE, 'misskey']);
    await runner.query('ALTER TABLE connect_attempts ALTER COLUMN client_id DROP NOT NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DELETE FROM connect_attempts WHERE client_id IS NULL');
    await runner.query('ALTER TABLE connect_attempts ALTER COLUMN client_id SET NOT NULL');
    // Earlier versions cannot use these connections under any type. This one lets their owners see and export them.
    await runner.query(`
      UPDATE platform_connections SET platform_type = 'mastodon_api' WHERE platform_type = 'misskey'`);
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
