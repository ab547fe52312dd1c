import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How far a rotation is, for those who are not its operator. */
export class KeyRotations1764007800000 implements MigrationInterface {
  name = 'KeyRotations1764007800000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE key_rotations (
        what varchar(60) CONSTRAINT key_rotations_pkey PRIMARY KEY,
        key_id varchar(32) NOT NULL,
        total integer NOT NULL,
        done integer NOT NULL DEFAULT 0
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE key_rotations');
  }
}
