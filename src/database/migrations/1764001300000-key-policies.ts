import type { MigrationInterface, QueryRunner } from 'typeorm';

const CACHED = ['id', 'user_id', 'lookup', 'key_hash', 'scopes', 'expires_at', 'revoked_at'];

/** What an API key is limited to. Null is no limit. */
export class KeyPolicies1764001300000 implements MigrationInterface {
  name = 'KeyPolicies1764001300000';

  async up(runner: QueryRunner): Promise<void> {
    // No foreign keys: an id stays after its connection is deleted, so that the key does not come to reach more.
    await runner.query('ALTER TABLE api_keys ADD COLUMN platform_ids integer[], ADD COLUMN addresses cidr[]');
    await this.recordChangesOf(runner, [...CACHED, 'platform_ids', 'addresses']);
  }

  async down(runner: QueryRunner): Promise<void> {
    await this.recordChangesOf(runner, CACHED);
    await runner.query('ALTER TABLE api_keys DROP COLUMN platform_ids, DROP COLUMN addresses');
  }

  /** Of the columns that the cached entry holds. */
  private async recordChangesOf(runner: QueryRunner, columns: readonly string[]): Promise<void> {
    const row = (name: string): string => columns.map((column) => `${name}.${column}`).join(', ');
    await runner.query('DROP TRIGGER api_keys_update ON api_keys');
    await runner.query(`
      CREATE TRIGGER api_keys_update AFTER UPDATE ON api_keys FOR EACH ROW
      WHEN ((${row('OLD')}) IS DISTINCT FROM (${row('NEW')}))
      EXECUTE FUNCTION api_keys_record_change()`);
  }
}
