import { CredentialCipher } from '../../src/credentials/credential-cipher.js';
import { KeyRing } from '../../src/crypto/key-ring.js';
import type { Backends } from './backends.js';

export interface InsertedUser {
  readonly id: number;
  readonly platformId: number;
  readonly platformName: string;
}

const INSTANCE_URL = 'https://mastodon.example';

/** Users with one sealed platform connection each, by SQL: a thousand of them cost two statements, not a thousand hashes. */
export async function insertUsers(backends: Backends, count: number): Promise<InsertedUser[]> {
  const cipher = new CredentialCipher(KeyRing.parse(backends.encryptionKey));
  const ids = await backends.rows<{ id: number }>(
    `INSERT INTO users (email) SELECT 'bulk-' || n || '-' || md5(random()::text) || '@example.org'
     FROM generate_series(1, $1::integer) AS n RETURNING id`,
    [count],
  );
  const platforms = await backends.rows<{ id: number }>(
    `SELECT nextval(pg_get_serial_sequence('platform_connections', 'id'))::integer AS id FROM generate_series(1, $1::integer)`,
    [count],
  );
  const users = ids.map(({ id }, index) => ({
    id,
    platformId: platforms[index]?.id ?? 0,
    platformName: `Platform of ${id}`,
  }));
  const sealed = users.map(({ id, platformId }) => {
    const credentials = {
      accessToken: backends.secrets.make('access-token'),
      clientKey: null,
      clientSecret: null,
    };
    return cipher.encrypt({ userId: id, id: platformId, instanceUrl: INSTANCE_URL }, credentials);
  });
  await backends.sql.query(
    `INSERT INTO platform_connections
       (id, user_id, name, platform_type, instance_url, access_token, key_id, seal, is_default)
     SELECT id, user_id, name, 'mastodon', $6, access_token, key_id, seal, true
     FROM unnest($1::integer[], $2::integer[], $3::text[], $4::text[], $5::text[], $7::text[])
       AS given (id, user_id, name, access_token, key_id, seal)`,
    [
      users.map(({ platformId }) => platformId),
      users.map(({ id }) => id),
      users.map(({ platformName }) => platformName),
      sealed.map(({ accessToken }) => accessToken),
      sealed.map(({ keyId }) => keyId),
      INSTANCE_URL,
      sealed.map(({ seal }) => seal),
    ],
  );
  return users;
}
