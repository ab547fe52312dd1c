import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Requests with an `Idempotency-Key`, for 24 hours. */
export class Idempotency1764002500000 implements MigrationInterface {
  name = 'Idempotency1764002500000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE keyed_requests (
        key_hash bytea CONSTRAINT keyed_requests_pkey PRIMARY KEY,
        user_id integer CONSTRAINT keyed_requests_user_id_fkey REFERENCES users ON DELETE CASCADE,
        claim uuid NOT NULL,
        claimed_until timestamptz NOT NULL,
        has_reply boolean NOT NULL DEFAULT false,
        content text NOT NULL,
        expires_at timestamptz NOT NULL
      )`);
    await runner.query('CREATE INDEX keyed_requests_user_id_idx ON keyed_requests (user_id)');
    await runner.query('CREATE INDEX keyed_requests_expires_at_idx ON keyed_requests (expires_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE keyed_requests');
  }
}
