import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Which server is the primary. A standby that is promoted may lack what the primary before it has confirmed, and would
 * give the same ids and event numbers a second time.
 */
export class Primary1764001600000 implements MigrationInterface {
  name = 'Primary1764001600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE installation ADD COLUMN primary_name text');
    // Called by each connection before it does anything else. A promotion begins a new timeline, which the name of a WAL
    // file shows at once, and pg_control_checkpoint() only after the next checkpoint. Any role may call these functions
    // unless somebody has taken the right away; then each start of the server counts as a change.
    //
    // Event numbers skip ahead, so that a client that resumes learns that it has missed some. Ids skip ahead too: an
    // access token of a lost account must not work for the account that would get its id. They skip 10,000 at a time, so
    // an integer has room for 200,000 failovers.
    await runner.query(`
      CREATE FUNCTION installation_adopt_primary() RETURNS text LANGUAGE plpgsql AS $$
      DECLARE
        here text;
        known text;
        sequence record;
      BEGIN
        IF pg_is_in_recovery() THEN
          RAISE EXCEPTION 'the server is a standby' USING ERRCODE = 'read_only_sql_transaction';
        END IF;
        BEGIN
          SELECT system_identifier || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) INTO STRICT here
          FROM pg_control_system();
        EXCEPTION WHEN insufficient_privilege OR feature_not_supported OR undefined_function THEN
          here := 'started ' || extract(epoch FROM pg_postmaster_start_time());
        END;

        SELECT primary_name INTO STRICT known FROM installation;
        IF known = here THEN
          RETURN here;
        END IF;
        SELECT primary_name INTO STRICT known FROM installation FOR UPDATE;
        IF known = here THEN
          RETURN here;
        END IF;
        UPDATE installation SET primary_name = here;
        IF known IS NOT NULL THEN
          UPDATE platform_event_position
            SET last_event_id = last_event_id + 1000000, forgotten_event_id = last_event_id + 1000000;
          FOR sequence IN SELECT format('%I.%I', schemaname, sequencename) AS name, last_value FROM pg_sequences
            WHERE schemaname = current_schema()
          LOOP
            PERFORM setval(sequence.name, coalesce(sequence.last_value, 0) + 10000);
          END LOOP;
        END IF;
        RETURN here;
      END $$`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION installation_adopt_primary');
    await runner.query('ALTER TABLE installation DROP COLUMN primary_name');
  }
}
