import { randomBytes } from 'node:crypto';
import type { Backends } from './backends.js';

export interface DatabaseRole {
  readonly name: string;
  /** The URL of the backends' database for this role. */
  readonly url: string;
  /** Removes it with what it owns in this database. */
  drop(): Promise<void>;
}

/** A role that is no superuser. It owns the backends' database, if told so, and has these settings. */
export async function createRole(
  { sql, databaseUrl }: Backends,
  { owns = false, settings = {} }: { owns?: boolean; settings?: Readonly<Record<string, string>> } = {},
): Promise<DatabaseRole> {
  const name = `test_role_${randomBytes(6).toString('hex')}`;
  const url = new URL(databaseUrl);
  url.username = name;
  const database = url.pathname.slice(1);
  await sql.query(`CREATE ROLE ${name} LOGIN`);
  if (owns) await sql.query(`ALTER DATABASE ${database} OWNER TO ${name}`);
  for (const [setting, value] of Object.entries(settings))
    await sql.query(`ALTER ROLE ${name} SET ${setting} = '${value}'`);
  return {
    name,
    url: url.href,
    drop: async () => {
      await sql.query(`REASSIGN OWNED BY ${name} TO CURRENT_USER`);
      await sql.query(`DROP OWNED BY ${name}`);
      await sql.query(`DROP ROLE ${name}`);
    },
  };
}
