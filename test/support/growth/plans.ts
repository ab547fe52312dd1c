import { jest } from '@jest/globals';
import pg from 'pg';
import type { Backends } from '../backends.js';

/** That grow with the number of users. */
const LARGE = new Set([
  'account_snapshots',
  'api_keys',
  'audit_log',
  'email_changes',
  'passkeys',
  'platform_activities',
  'platform_activity_days',
  'platform_activity_totals',
  'platform_changes',
  'platform_connections',
  'platform_watch',
  'recovery_codes',
  'refresh_tokens',
  'sessions',
  'totp_factors',
  'users',
  'webauthn_challenges',
  'webhook_deliveries',
  'webhook_streams',
]);

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows'?: number;
  readonly 'Actual Loops'?: number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly PlanNode[];
}

interface Explained {
  readonly 'Query Text': string;
  readonly Plan: PlanNode;
  /** What it took to compile the plan, if that was done. */
  readonly JIT?: object;
}

/** What a statement did to a large table, for a message that says all of it. */
export interface Visit {
  readonly table: string;
  readonly how: string;
  /** Read, whether they were of use or not. */
  readonly rows: number;
  readonly statement: string;
}

/**
 * The plans of all statements of the applications that are started after `record`, as PostgreSQL carried them out, those
 * inside functions, triggers and foreign keys too: auto_explain tells each to the session that it ran in.
 */
export class Plans {
  readonly #explained: Explained[] = [];

  private constructor(private readonly indexes: ReadonlyMap<string, string>) {}

  static async record(backends: Backends): Promise<Plans> {
    const indexes = await backends.rows<{ name: string; table: string }>(
      'SELECT indexname AS name, tablename AS table FROM pg_indexes',
    );
    const plans = new Plans(new Map(indexes.map(({ name, table }) => [name, table])));
    const settings = {
      // As by default.
      jit: 'on',
      session_preload_libraries: 'auto_explain',
      'auto_explain.log_min_duration': '0',
      'auto_explain.log_analyze': 'on',
      'auto_explain.log_timing': 'off',
      'auto_explain.log_nested_statements': 'on',
      'auto_explain.log_format': 'json',
      'auto_explain.log_level': 'notice',
    };
    const database = new URL(backends.databaseUrl).pathname.slice(1);
    for (const [name, value] of Object.entries(settings)) {
      await backends.sql.query(`ALTER DATABASE ${database} SET ${name} = '${value}'`);
    }
    const connect = pg.Client.prototype.connect as (this: pg.Client, ...given: unknown[]) => unknown;
    jest.spyOn(pg.Client.prototype, 'connect').mockImplementation(function (this: pg.Client, ...given) {
      if (isOfTheApi(this)) this.on('notice', ({ message }) => plans.#take(message ?? ''));
      return connect.apply(this, given) as never;
    });
    return plans;
  }

  get statements(): readonly string[] {
    return this.#explained.map((one) => one['Query Text']);
  }

  /** Those whose plan looked so expensive that PostgreSQL compiled it, which takes tens of milliseconds each time. */
  get compiled(): readonly string[] {
    return this.#explained.filter(({ JIT }) => JIT !== undefined).map((one) => one['Query Text']);
  }

  visits(): Visit[] {
    return this.#explained.flatMap((one) => this.#visitsOf(one['Query Text'], one.Plan));
  }

  #take(message: string): void {
    const start = message.indexOf('plan:\n');
    if (start >= 0) this.#explained.push(JSON.parse(message.slice(start + 'plan:\n'.length)) as Explained);
  }

  #visitsOf(statement: string, node: PlanNode): Visit[] {
    const below = (node.Plans ?? []).flatMap((child) => this.#visitsOf(statement, child));
    const how = node['Node Type'];
    const table = node['Relation Name'] ?? this.indexes.get(node['Index Name'] ?? '');
    if (table === undefined || !LARGE.has(table) || !how.includes('Scan')) return below;
    const each =
      (node['Actual Rows'] ?? 0) +
      (node['Rows Removed by Filter'] ?? 0) +
      (node['Rows Removed by Index Recheck'] ?? 0);
    return [...below, { table, how, rows: each * (node['Actual Loops'] ?? 0), statement }];
  }
}

function isOfTheApi(client: pg.Client): boolean {
  const { connectionParameters } = client as unknown as {
    connectionParameters: { application_name?: string };
  };
  return connectionParameters.application_name?.startsWith('platform-manager') ?? false;
}
