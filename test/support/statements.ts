import type { Backends } from './backends.js';

/** Statements that the apps sent to their database, as PostgreSQL itself counted them. */
export class StatementCounter {
  private constructor(private readonly backends: Backends) {}

  static async install(backends: Backends): Promise<StatementCounter> {
    await backends.sql.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
    const counter = new StatementCounter(backends);
    await counter.reset();
    return counter;
  }

  async reset(): Promise<void> {
    await this.backends.sql.query(
      `SELECT pg_stat_statements_reset(0, (SELECT oid FROM pg_database WHERE datname = current_database()), 0)`,
    );
  }

  /** How often a statement ran whose text matches the regular expression, in any case. */
  async calls(pattern: string): Promise<number> {
    const [row] = await this.backends.rows<{ calls: number }>(
      `SELECT coalesce(sum(calls), 0)::integer AS calls FROM pg_stat_statements
       WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
         AND query !~ 'pg_stat_statements' AND query ~* $1`,
      [pattern],
    );
    return row?.calls ?? 0;
  }

  /** The statements that ran whose text matches. */
  async texts(pattern: string): Promise<string[]> {
    const rows = await this.backends.rows<{ query: string }>(
      `SELECT query FROM pg_stat_statements
       WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
         AND query !~ 'pg_stat_statements' AND query ~* $1`,
      [pattern],
    );
    return rows.map(({ query }) => query);
  }

  /** SELECTs of connections, lists and single ones. */
  platformSelects(): Promise<number> {
    return this.calls('^\\s*select\\M.*\\mfrom\\M\\s+"?platform_connections');
  }
}
