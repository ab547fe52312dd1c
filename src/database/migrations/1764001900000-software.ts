import type { MigrationInterface, QueryRunner } from 'typeorm';

const BEFORE = ['mastodon', 'pixelfed', 'pleroma', 'akkoma', 'gotosocial', 'friendica'];

/** What runs at the instance, as labels, and a type for whatever else speaks the Mastodon API. */
export class Software1764001900000 implements MigrationInterface {
  name = 'Software1764001900000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE platform_connections
        ADD COLUMN software varchar(50),
        ADD COLUMN software_version varchar(100)`);
    await this.allowTypes(runner, [...BEFORE, 'mastodon_api']);
  }

  async down(runner: QueryRunner): Promise<void> {
    // Earlier versions know Mastodon's way, which these servers share.
    await runner.query(`
      UPDATE platform_connections SET platform_type = 'mastodon' WHERE platform_type = 'mastodon_api'`);
    await this.allowTypes(runner, BEFORE);
    await runner.query(`
      ALTER TABLE platform_connections
        DROP COLUMN software,
        DROP COLUMN software_version`);
  }

  private async allowTypes(runner: QueryRunner, types: readonly string[]): Promise<void> {
    const list = types.map((type) => `'${type}'`).join(', ');
    await runner.query(`
      ALTER TABLE platform_connections
        DROP CONSTRAINT platform_connections_type_known,
        ADD CONSTRAINT platform_connections_type_known CHECK (platform_type IN (${list}))`);
  }
}
