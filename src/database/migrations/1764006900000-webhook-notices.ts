import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What was told once, so that it is not told again. */
export class WebhookNotices1764006900000 implements MigrationInterface {
  name = 'WebhookNotices1764006900000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE expiry_notices (
        platform_id integer CONSTRAINT expiry_notices_pkey PRIMARY KEY,
        token_expires_at timestamptz NOT NULL,
        CONSTRAINT expiry_notices_platform_id_fkey FOREIGN KEY (platform_id)
          REFERENCES platform_connections (id) ON DELETE CASCADE
      )`);
    await runner.query(`
      CREATE TABLE webhook_outages (
        webhook_id integer NOT NULL,
        user_id integer NOT NULL,
        instance_url varchar(500) NOT NULL,
        since timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT webhook_outages_pkey PRIMARY KEY (webhook_id, user_id, instance_url),
        CONSTRAINT webhook_outages_webhook_id_fkey FOREIGN KEY (webhook_id) REFERENCES webhooks (id) ON DELETE CASCADE
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE webhook_outages');
    await runner.query('DROP TABLE expiry_notices');
  }
}
