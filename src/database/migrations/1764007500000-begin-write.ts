import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a write of a connection has to know before it begins, in one round trip. */
export class BeginWrite1764007500000 implements MigrationInterface {
  name = 'BeginWrite1764007500000';

  async up(runner: QueryRunner): Promise<void> {
    // Each statement of a function sees what was committed before it. In one statement with the lock, the reads would see
    // what was there before the lock was waited for. Plans are kept: one made while a table was empty would scan it.
    await runner.query(`
      CREATE FUNCTION platform_connections_begin_write(lock_class integer, owner integer, written integer, creates boolean)
      RETURNS TABLE (transaction_id text, pending integer[], new_id integer, connection platform_connections)
      LANGUAGE plpgsql SET enable_seqscan = off AS $$
      DECLARE
        undrained integer[];
        fresh integer;
      BEGIN
        PERFORM pg_advisory_xact_lock(lock_class, owner);
        PERFORM 1 FROM platform_connections c WHERE c.id = written AND c.user_id = owner FOR NO KEY UPDATE;
        undrained := ARRAY(
          SELECT DISTINCT changes.platform_id FROM platform_changes changes
          WHERE changes.user_id = owner AND changes.drained_at IS NULL AND changes.platform_id IS NOT NULL
        );
        IF creates THEN
          fresh := nextval(pg_get_serial_sequence('platform_connections', 'id'));
        END IF;
        RETURN QUERY SELECT pg_current_xact_id()::text, undrained, fresh, c
          FROM (SELECT 1) AS one LEFT JOIN platform_connections c ON c.user_id = owner;
      END $$`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION platform_connections_begin_write');
  }
}
