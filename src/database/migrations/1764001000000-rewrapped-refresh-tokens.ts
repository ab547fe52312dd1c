import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A key rotation re-encrypts refresh tokens too, and they are no more a new version than the other ciphertexts. */
export class RewrappedRefreshTokens1764001000000 implements MigrationInterface {
  name = 'RewrappedRefreshTokens1764001000000';

  async up(runner: QueryRunner): Promise<void> {
    await this.setVersionBut(runner, [
      'access_token',
      'client_key',
      'client_secret',
      'refresh_token',
      'key_id',
      'seal',
    ]);
  }

  async down(runner: QueryRunner): Promise<void> {
    await this.setVersionBut(runner, ['access_token', 'client_key', 'client_secret', 'key_id', 'seal']);
  }

  private async setVersionBut(runner: QueryRunner, rewrapped: readonly string[]): Promise<void> {
    const columns = rewrapped.map((column) => `'${column}'`).join(', ');
    await runner.query(`
      CREATE OR REPLACE FUNCTION platform_connections_set_version() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE
        bookkeeping text[] := ARRAY['last_used', 'version', 'updated_at'];
      BEGIN
        IF current_setting('platform_manager.rewrap', true) = 'on' THEN
          bookkeeping := bookkeeping || ARRAY[${columns}];
        END IF;
        IF to_jsonb(NEW) - bookkeeping IS DISTINCT FROM to_jsonb(OLD) - bookkeeping THEN
          NEW.version := OLD.version + 1;
          NEW.updated_at := now();
        ELSE
          NEW.version := OLD.version;
          NEW.updated_at := OLD.updated_at;
        END IF;
        RETURN NEW;
      END $$`);
  }
}
