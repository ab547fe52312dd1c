import type { MigrationInterface, QueryRunner } from 'typeorm';

const CACHED = [
  ...['id', 'user_id', 'lookup', 'key_hash', 'scopes', 'expires_at', 'revoked_at'],
  ...['platform_ids', 'addresses'],
];

/** What an API key may send through the proxy. */
export class ProxyPolicies1764006100000 implements MigrationInterface {
  name = 'ProxyPolicies1764006100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'ALTER TABLE api_keys ADD COLUMN methods text[], ADD COLUMN paths text[], ADD COLUMN per_minute integer',
    );
    await this.recordChangesOf(runner, [...CACHED, 'methods', 'paths', 'per_minute']);
  }

  async down(runner: QueryRunner): Promise<void> {
    await this.recordChangesOf(runner, CACHED);
    await runner.query('ALTER TABLE api_keys DROP COLUMN methods, DROP COLUMN paths, DROP COLUMN per_minute');
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
