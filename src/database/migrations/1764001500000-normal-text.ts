import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What JavaScript's trim() removes. */
const SPACE = String.raw`U&'\0009\000A\000B\000C\000D\0020\00A0\1680\2000\2001\2002\2003\2004\2005\2006\2007\2008\2009\200A\2028\2029\202F\205F\3000\FEFF'`;

/**
 * Names and e-mail addresses from before text was stored in normal form (`common/normal-text.ts`). Without this, a new name
 * could look like an old one, and the owner of an old address could not sign in.
 *
 * Whatever already has a twin in normal form stays as it is: nothing is merged, renamed or lost. Usernames stay too,
 * because the seal of their row covers them. Both become normal when their owner next writes them.
 */
export class NormalText1764001500000 implements MigrationInterface {
  name = 'NormalText1764001500000';

  async up(runner: QueryRunner): Promise<void> {
    await this.normalize(runner, 'platform_connections', 'name', `normalize(btrim(name, ${SPACE}), NFC)`);
    await this.normalize(runner, 'users', 'email', 'normalize(email, NFC)');
  }

  async down(): Promise<void> {
    // The earlier forms are not kept, and the new ones are valid in earlier versions.
  }

  /** Row by row: another process may write a twin after a query would have looked for one. */
  private async normalize(
    runner: QueryRunner,
    table: string,
    column: string,
    normalForm: string,
  ): Promise<void> {
    await runner.query(`
      DO $$
      DECLARE
        old record;
      BEGIN
        FOR old IN
          SELECT id, ${normalForm} AS normal FROM ${table}
          WHERE ${column} <> ${normalForm} AND ${normalForm} <> '' ORDER BY id
        LOOP
          BEGIN
            UPDATE ${table} SET ${column} = old.normal WHERE id = old.id;
          EXCEPTION
            -- A twin, or a text that is longer in normal form than the column takes.
            WHEN unique_violation OR string_data_right_truncation THEN
              RAISE NOTICE '${table} % keeps its ${column}', old.id;
          END;
        END LOOP;
      END $$`);
  }
}
