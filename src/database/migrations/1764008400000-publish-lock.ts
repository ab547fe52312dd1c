import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A relay that waits for the numbers of events does not look at the outbox, and after TRUST_MS its process would read no
 * cached value where CACHE_NEEDS_DATABASE is set. Relays hold the row for milliseconds, a session by hand for as long as
 * it likes; then the events wait, and the relay tries again.
 */
export class PublishLock1764008400000 implements MigrationInterface {
  name = 'PublishLock1764008400000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `ALTER FUNCTION platform_changes_publish(integer, boolean) SET lock_timeout = '300ms'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER FUNCTION platform_changes_publish(integer, boolean) RESET lock_timeout');
  }
}
