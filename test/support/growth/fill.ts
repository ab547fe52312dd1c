import type { Backends } from '../backends.js';

/** GROWTH_CONNECTIONS=1000000 for the size that this is made for; ten activities each. */
export const CONNECTIONS = Number(process.env['GROWTH_CONNECTIONS'] ?? 30_000);
const PER_USER = 3;
export const ACTIVITIES_EACH = 10;
const DAYS = 5;
/** It has a fifth of all connections. They cannot be checked as often as they should, so all of them are overdue. */
const GIANT = 'https://giant.example';
/** Of the last seconds; more than the relay reads at once. */
const RECENT_CHANGES = 30_000;
export const FILL_MS = 60_000 + CONNECTIONS;

/** Rows as they would have become by use, without the triggers' work for each. */
export async function fill(backends: Backends): Promise<void> {
  const users = Math.ceil(CONNECTIONS / PER_USER);
  const client = await backends.sql.connect();
  try {
    await client.query(`SET application_name = 'fill'`);
    await client.query('SET session_replication_role = replica');
    // Building an index once is many times faster than filling it row by row.
    await client.query(
      `UPDATE pg_index SET indisready = false, indisvalid = false FROM pg_class
       WHERE pg_class.oid = indrelid AND relkind = 'r' AND relnamespace = 'public'::regnamespace`,
    );
    const insert = (sql: string, ...values: number[]) => client.query(sql, values);
    await insert(
      `INSERT INTO users (email, last_active_at)
       SELECT 'grown-' || n || '@example.org', now() - n * interval '1 minute' FROM generate_series(1, $1::integer) n`,
      users,
    );
    await insert(
      `INSERT INTO platform_connections (user_id, name, platform_type, instance_url, username, access_token, key_id,
         is_default, status, last_error, labels, external_id)
       SELECT u.id, 'Connection ' || u.id || '-' || n, 'mastodon',
         CASE u.id % 5 WHEN 0 THEN '${GIANT}' ELSE 'https://instance-' || (u.id % 5000) || '.example' END,
         'user' || u.id || 'x' || n, 'none', 'none', n = 1,
         CASE WHEN u.id % 5000 = 7 THEN 'account_disabled' ELSE 'connected' END, null,
         jsonb_build_object('env', 'live', 'customer', (u.id % 5000)::text), n::text
       FROM users u, generate_series(1, $1::integer) n WHERE u.email LIKE 'grown-%'`,
      PER_USER,
    );
    await insert(
      `INSERT INTO api_keys (user_id, name, lookup, key_hash, scopes, revoked_at)
       SELECT id, 'grown', lpad(id::text, 8, '0'), sha256(id::text::bytea), ARRAY['platforms:read'],
         CASE WHEN id % 2 = 0 THEN now() - interval '30 days' END
       FROM users WHERE email LIKE 'grown-%'`,
    );
    await insert(
      `INSERT INTO platform_activities (platform_id, kind, external_id, status, occurred_at)
       SELECT id, 'post', n::text, 'done', now() - n % $2::integer * interval '1 day'
       FROM platform_connections, generate_series(1, $1::integer) n`,
      ACTIVITIES_EACH,
      DAYS,
    );
    await insert(
      `INSERT INTO platform_activity_totals (platform_id, kind, status, count)
       SELECT id, 'post', 'done', $1 FROM platform_connections`,
      ACTIVITIES_EACH,
    );
    await insert(
      `INSERT INTO platform_activity_days (platform_id, day, kind, count)
       SELECT id, (now() AT TIME ZONE 'UTC')::date - n, 'post', $1::integer / $2::integer
       FROM platform_connections, generate_series(0, $2::integer - 1) n`,
      ACTIVITIES_EACH,
      DAYS,
    );
    await insert(
      `INSERT INTO platform_watch (platform_id, instance_url, next_check_at)
       SELECT id, instance_url, CASE instance_url WHEN '${GIANT}' THEN now() - random() * interval '1 day'
         ELSE now() + (1 + random() * 20000) * interval '1 second' END
       FROM platform_connections
       WHERE NOT EXISTS (SELECT 1 FROM platform_watch WHERE platform_id = platform_connections.id)`,
    );
    await insert(
      `INSERT INTO account_snapshots (platform_id, taken_on, taken_at, account_id, followers)
       SELECT id, current_date - n, now() - n * interval '1 day', '1', n
       FROM platform_connections, generate_series(1, $1::integer) n`,
      DAYS,
    );
    await insert(
      `INSERT INTO platform_changes (user_id, platform_id, type, at, drained_at, event_id)
       SELECT user_id, id, 'platform.updated', now() - interval '20 hours', now(), 1000 + row_number() OVER (ORDER BY id)
       FROM platform_connections`,
    );
    // That have to be repeated by a process that starts: what is cached may be older.
    await insert(
      `INSERT INTO platform_changes (user_id, platform_id, type, at, drained_at)
       SELECT user_id, id, 'stats.changed', now() - n * interval '1 second', now()
       FROM platform_connections, generate_series(1, 3) AS n LIMIT $1`,
      RECENT_CHANGES,
    );
    await insert(
      `UPDATE platform_event_position SET last_event_id = (SELECT max(event_id) FROM platform_changes)`,
    );
    await insert('UPDATE event_handover SET event_id = (SELECT max(event_id) FROM platform_changes)');
    // One for each hundredth user, and a delivery for each of a hundred connections.
    await insert(
      `WITH hooks AS (
         INSERT INTO webhooks (user_id, created_by, url, events, labels, secrets, key_id)
         SELECT id, id, 'https://grown.example/', '{platform.deleted}', '{}', 'grown', 'grown' FROM users
         WHERE email LIKE 'grown-%' AND id % 100 = 0 RETURNING id
       ), streams AS (
         INSERT INTO webhook_streams (webhook_id, platform_id, due_at)
         SELECT id, n, now() + n * interval '1 minute' FROM hooks, generate_series(1000, 1100) n
       )
       INSERT INTO webhook_deliveries (webhook_id, platform_id, event_id, message_id, type, payload, status)
       SELECT id, n, n, 'grown-' || n, 'platform.updated', '{}', CASE n % 10 WHEN 0 THEN 'pending' ELSE 'delivered' END
       FROM hooks, generate_series(1000, 1100) n`,
    );
    await insert(
      `WITH begun AS (
         INSERT INTO sessions (user_id, family_id, device, address, expires_at)
         SELECT id, gen_random_uuid(), 'Grown', '192.0.2.1', now() + interval '30 days' FROM users RETURNING *
       )
       INSERT INTO refresh_tokens (user_id, family_id, token_hash, expires_at)
       SELECT user_id, family_id, sha256(user_id::text::bytea), expires_at FROM begun`,
    );
    // Of others than those who sign in here.
    await insert(
      `WITH apps AS (
         INSERT INTO totp_factors (user_id, secret, key_id, confirmed_at)
         SELECT id, 'grown', (SELECT key_id FROM key_canary LIMIT 1), now() FROM users WHERE email LIKE 'grown-%' RETURNING user_id
       ), passkeys AS (
         INSERT INTO passkeys (user_id, credential_id, public_key, counter, transports, name)
         SELECT user_id, 'grown-' || user_id, '', 0, '{}', 'Grown' FROM apps
       ), challenges AS (
         INSERT INTO webauthn_challenges (challenge_hash, user_id, expires_at)
         SELECT sha256(user_id::text::bytea), user_id, now() + interval '1 hour' FROM apps
       ), changes AS (
         INSERT INTO email_changes (user_id, new_email)
         SELECT user_id, 'new-' || user_id || '@example.org' FROM apps
       )
       INSERT INTO recovery_codes (user_id, code_hash)
       SELECT user_id, sha256(n::text::bytea) FROM apps, generate_series(1, 10) n`,
    );
    await insert(
      `INSERT INTO audit_log (id, at, actor, user_id, platform_id, action, outcome, reason, detail, address, request_id)
       SELECT 1000000 + row_number() OVER (), now(), 'user', user_id, id, 'credentials.reveal', 'revealed', 'grown', '', '192.0.2.1',
         id::text FROM platform_connections`,
    );
    await client.query(`SET maintenance_work_mem = '1GB'`);
    await client.query('REINDEX SCHEMA public');
  } finally {
    client.release(true);
  }
  await backends.sql.query('VACUUM ANALYZE');
}
