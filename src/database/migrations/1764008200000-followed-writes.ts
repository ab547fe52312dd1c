import type { MigrationInterface, QueryRunner } from 'typeorm';
import { FACTS, recordChange } from './1764006800000-webhooks.js';

/** Expressions for the version after a change. For the user who has lost a connection to another one, it is deleted, and still has one. */
export const VERSION = {
  gone: `CASE WHEN TG_OP = 'UPDATE' AND NEW.id = OLD.id THEN NEW.version END`,
  changed: 'NEW.version',
};

/** A change says which version of the connection it has left, so that sampled writes can be followed without a query. */
export class FollowedWrites1764008200000 implements MigrationInterface {
  name = 'FollowedWrites1764008200000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE platform_changes ADD COLUMN version integer');
    await runner.query(recordChange(FACTS, VERSION));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(recordChange(FACTS));
    await runner.query('ALTER TABLE platform_changes DROP COLUMN version');
  }
}
