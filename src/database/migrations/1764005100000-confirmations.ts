import type { MigrationInterface, QueryRunner } from 'typeorm';

const ENDED = '(OLD.id, OLD.user_id, OLD.ended_at) IS DISTINCT FROM (NEW.id, NEW.user_id, NEW.ended_at)';
const CACHED =
  '(OLD.id, OLD.user_id, OLD.ended_at, OLD.confirmed_at) IS DISTINCT FROM (NEW.id, NEW.user_id, NEW.ended_at, NEW.confirmed_at)';

/** When the person of a session last proved who they are. */
export class Confirmations1764005100000 implements MigrationInterface {
  name = 'Confirmations1764005100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE sessions ADD COLUMN confirmed_at timestamptz');
    await runner.query('UPDATE sessions SET confirmed_at = created_at');
    // A sign-in of the previous release, which may run beside this one, is a proof too.
    await runner.query('ALTER TABLE sessions ALTER COLUMN confirmed_at SET DEFAULT now()');
    await runner.query('ALTER TABLE sessions ALTER COLUMN confirmed_at SET NOT NULL');
    await this.record(runner, CACHED);
  }

  async down(runner: QueryRunner): Promise<void> {
    await this.record(runner, ENDED);
    await runner.query('ALTER TABLE sessions DROP COLUMN confirmed_at');
  }

  /** The outbox drops what is cached of a session when that changes. */
  private async record(runner: QueryRunner, changed: string): Promise<void> {
    await runner.query('DROP TRIGGER sessions_update ON sessions');
    await runner.query(`
      CREATE TRIGGER sessions_update AFTER UPDATE ON sessions FOR EACH ROW
      WHEN (${changed}) EXECUTE FUNCTION sessions_record_end()`);
  }
}
