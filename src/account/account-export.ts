import { Injectable } from '@nestjs/common';
import { currentOrigin } from '../audit/audit-origin.js';
import { Database } from '../database/database.js';
import { ExportedSecrets } from './exported-secrets.js';

/** Rows read at once. */
const PAGE_ROWS = 1000;

/** SQL of one part: rows of user $1 after the key $2, in its order. Key: a JSON array, which each row has too. */
interface Part {
  readonly sql: string;
  /** Before the first. */
  readonly first: readonly (string | number)[];
}

const byId = (table: string, columns: string, owner = 'user_id', which = 'true'): Part => ({
  sql: `SELECT jsonb_build_array(${table}.id) AS key, ${columns} FROM ${table}
    WHERE ${owner} = $1 AND ${which} AND ${table}.id > ($2::jsonb->>0)::bigint ORDER BY ${table}.id`,
  first: [0],
});

/** Each column is named here, so that no secret gets in with a new one. */
const PARTS: Readonly<Record<string, Part>> = {
  account: byId(
    'users',
    `id, email, role, oidc_issuer AS "oidcIssuer", created_at AS "createdAt", last_active_at AS "lastActiveAt",
     notices_off AS "noticesOff"`,
    'id',
  ),
  sessions: byId(
    'sessions',
    `device, address, created_at AS "createdAt", last_seen_at AS "lastSeenAt", confirmed_at AS "confirmedAt", ended_at AS "endedAt"`,
  ),
  secondFactors: {
    sql: `SELECT jsonb_build_array(user_id) AS key, 'totp' AS kind, confirmed_at AS since FROM totp_factors
      WHERE user_id = $1 AND user_id > ($2::jsonb->>0)::integer AND confirmed_at IS NOT NULL ORDER BY user_id`,
    first: [0],
  },
  passkeys: byId('passkeys', 'name, created_at AS "createdAt", last_used_at AS "lastUsedAt"'),
  apiKeys: byId(
    'api_keys',
    `name, scopes, created_at AS "createdAt", expires_at AS "expiresAt", revoked_at AS "revokedAt"`,
  ),
  webhooks: byId(
    'webhooks',
    `url, events, labels, paused_at AS "pausedAt", last_delivered_at AS "lastDeliveredAt", created_at AS "createdAt"`,
  ),
  connections: byId(
    'platform_connections',
    `id, name, platform_type AS "platformType", instance_url AS "instanceUrl", username, is_active AS "isActive",
     is_default AS "isDefault", labels, external_id AS "externalId", status, created_at AS "createdAt",
     updated_at AS "updatedAt", last_used AS "lastUsed"`,
  ),
  connectLinks: byId(
    'connect_links',
    `id, external_user_id AS "externalUserId", application_name AS "applicationName", return_to AS "returnTo",
     platform_id AS "platformId", browser_hash IS NOT NULL AS begun, created_at AS "createdAt", expires_at AS "expiresAt"`,
    'user_id',
    'expires_at > now()',
  ),
  activities: {
    sql: `SELECT jsonb_build_array(platform_id, kind, a.external_id) AS key, platform_id AS "platformId", kind,
        a.external_id AS "externalId", a.status, occurred_at AS "occurredAt"
      FROM platform_activities a JOIN platform_connections p ON p.id = platform_id
      WHERE p.user_id = $1
        AND (platform_id, kind, a.external_id) > (($2::jsonb->>0)::integer, $2::jsonb->>1, $2::jsonb->>2)
      ORDER BY platform_id, kind, a.external_id`,
    first: [0, '', ''],
  },
  followers: {
    sql: `SELECT jsonb_build_array(platform_id, taken_on) AS key, platform_id AS "platformId", taken_on::text AS day,
        followers, following, statuses
      FROM account_snapshots s JOIN platform_connections p ON p.id = platform_id
      WHERE p.user_id = $1 AND (platform_id, taken_on) > (($2::jsonb->>0)::integer, ($2::jsonb->>1)::date)
      ORDER BY platform_id, taken_on`,
    first: [0, '0001-01-01'],
  },
  checks: {
    sql: `SELECT jsonb_build_array(platform_id, c.id) AS key, platform_id AS "platformId", outcome, detail,
        first_at AS "firstAt", last_at AS "lastAt", checks, latency_ms AS "latencyMs"
      FROM platform_checks c JOIN platform_connections p ON p.id = platform_id
      WHERE p.user_id = $1 AND (platform_id, c.id) > (($2::jsonb->>0)::integer, ($2::jsonb->>1)::bigint)
      ORDER BY platform_id, c.id`,
    first: [0, 0],
  },
  auditTrail: byId(
    'audit_log',
    `at, action, outcome, actor, platform_id AS "platformId", reason, detail, address`,
  ),
};

/** What is kept about a person, without passwords and keys, and without credentials unless these are asked for. */
@Injectable()
export class AccountExport {
  constructor(
    private readonly database: Database,
    private readonly secrets: ExportedSecrets,
  ) {}

  /** A JSON object, in pieces: of a long trail or many activities, never all at once. Holds no connection between two reads. */
  of(userId: number, withSecrets: boolean): AsyncGenerator<string> {
    // The origin now: the stream is read when the request is over.
    return this.parts(userId, withSecrets ? this.secrets.of(userId, currentOrigin()) : null);
  }

  private async *parts(userId: number, credentials: AsyncIterable<object> | null): AsyncGenerator<string> {
    let before = '{\n';
    for (const [name, part] of Object.entries(PARTS)) {
      yield* array(`${before}${JSON.stringify(name)}`, this.rows(part, userId));
      before = ',\n';
    }
    if (credentials !== null) yield* array(`${before}"credentials"`, credentials);
    yield '\n}\n';
  }

  private async *rows({ sql, first }: Part, userId: number): AsyncGenerator<object> {
    for (let after: Part['first'] | undefined = first; after !== undefined;) {
      const rows: { key: Part['first'] }[] = await this.database.statement<{ key: Part['first'] }>(
        `${sql} LIMIT ${PAGE_ROWS}`,
        [userId, JSON.stringify(after)],
      );
      after = rows.length < PAGE_ROWS ? undefined : rows.at(-1)?.key;
      for (const { key: _key, ...row } of rows) yield row;
    }
  }
}

async function* array(name: string, rows: AsyncIterable<object>): AsyncGenerator<string> {
  yield `${name}: [`;
  let before = '\n';
  for await (const row of rows) {
    yield before + JSON.stringify(row);
    before = ',\n';
  }
  yield ']';
}
