import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Failed sign-ins by account name and address, and from where each account has signed in. */
export class SignIns1764001000000 implements MigrationInterface {
  name = 'SignIns1764001000000';

  async up(runner: QueryRunner): Promise<void> {
    // By a hash of the name and without a foreign key: names that have no account are kept like others.
    await runner.query(`
      CREATE TABLE sign_ins (
        name_hash bytea NOT NULL,
        address varchar(64) NOT NULL,
        failures integer NOT NULL DEFAULT 0,
        failed_at timestamptz,
        succeeded_at timestamptz,
        at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT sign_ins_pkey PRIMARY KEY (name_hash, address)
      )`);
    await runner.query('CREATE INDEX sign_ins_at_idx ON sign_ins (at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE sign_ins');
  }
}
