import type { MigrationInterface, QueryRunner } from 'typeorm';
import { SET_VERSION } from './1764000100000-connections.js';
import { FACTS, recordChange } from './1764006800000-webhooks.js';
import { VERSION } from './1764008200000-followed-writes.js';

/**
 * The triggers of a connection compare rows as they are. They made six JSON objects of each changed row, which was a third
 * of what a change of many rows took.
 */
export class CompareRows1764008700000 implements MigrationInterface {
  name = 'CompareRows1764008700000';

  async up(runner: QueryRunner): Promise<void> {
    // OLD becomes what the row would be if only what does not count had changed. Columns that are added later count, and need an
    // equality, which `json` has not.
    await runner.query(`
      CREATE OR REPLACE FUNCTION platform_connections_set_version() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE
        version_before integer := OLD.version;
        updated_before timestamptz := OLD.updated_at;
      BEGIN
        OLD.last_used := NEW.last_used;
        OLD.version := NEW.version;
        OLD.updated_at := NEW.updated_at;
        IF current_setting('platform_manager.rewrap', true) = 'on' THEN
          OLD.access_token := NEW.access_token;
          OLD.client_key := NEW.client_key;
          OLD.client_secret := NEW.client_secret;
          OLD.refresh_token := NEW.refresh_token;
          OLD.key_id := NEW.key_id;
          OLD.seal := NEW.seal;
        END IF;
        IF NEW IS DISTINCT FROM OLD THEN
          NEW.version := version_before + 1;
          NEW.updated_at := now();
        ELSE
          NEW.version := version_before;
          NEW.updated_at := updated_before;
        END IF;
        RETURN NEW;
      END $$`);
    await this.callVersion(runner);
    await runner.query(recordChange(FACTS, VERSION, 'rows'));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(recordChange(FACTS, VERSION));
    await runner.query(SET_VERSION);
    await this.callVersion(
      runner,
      `WHEN (to_jsonb(NEW) - 'last_used' IS DISTINCT FROM to_jsonb(OLD) - 'last_used')`,
    );
  }

  private async callVersion(runner: QueryRunner, when = ''): Promise<void> {
    await runner.query('DROP TRIGGER platform_connections_version ON platform_connections');
    await runner.query(`
      CREATE TRIGGER platform_connections_version BEFORE UPDATE ON platform_connections
      FOR EACH ROW ${when} EXECUTE FUNCTION platform_connections_set_version()`);
  }
}
