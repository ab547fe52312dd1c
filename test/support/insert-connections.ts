import { randomBytes } from 'node:crypto';
import { CredentialCipher } from '../../src/credentials/credential-cipher.js';
import { RefreshTokenCipher } from '../../src/credentials/refresh-token-cipher.js';
import type { KeyRing } from '../../src/crypto/key-ring.js';

export interface ConnectionInput {
  readonly userId: number;
  readonly instanceUrl: string;
  readonly accessToken: string;
  readonly name?: string;
  readonly platformType?: string;
  readonly username?: string;
  readonly isDefault?: boolean;
  /** Without a secret: one of the application's registrations. */
  readonly app?: { readonly clientId: string; readonly clientSecret?: string };
  readonly refreshToken?: string;
  readonly expiresInSeconds?: number;
}

type Query = <T>(text: string, values: unknown[]) => Promise<T[]>;

/** Connections by SQL, sealed: thousands cost two statements, not as many requests. @returns their ids, in order. */
export async function insertConnections(
  query: Query,
  keyRing: KeyRing,
  inputs: readonly ConnectionInput[],
): Promise<number[]> {
  const credentials = new CredentialCipher(keyRing);
  const refreshTokens = new RefreshTokenCipher(keyRing);
  const ids = await query<{ id: number }>(
    `SELECT nextval(pg_get_serial_sequence('platform_connections', 'id'))::integer AS id
     FROM generate_series(1, $1::integer)`,
    [inputs.length],
  );
  const rows = inputs.map((input, index) => {
    const id = ids[index]?.id ?? 0;
    const { userId, instanceUrl, username = null } = input;
    const owner = { userId, id, instanceUrl, username };
    const { accessToken, app, refreshToken, expiresInSeconds } = input;
    const sealed = credentials.encrypt(owner, {
      accessToken,
      clientKey: app?.clientId ?? null,
      clientSecret: app?.clientSecret ?? null,
    });
    return {
      id,
      user_id: userId,
      name: input.name ?? randomBytes(8).toString('hex'),
      platform_type: input.platformType ?? 'mastodon',
      instance_url: instanceUrl,
      username,
      is_default: input.isDefault ?? false,
      access_token: sealed.accessToken,
      client_key: sealed.clientKey,
      client_secret: sealed.clientSecret,
      key_id: sealed.keyId,
      seal: sealed.seal,
      refresh_token: refreshToken === undefined ? null : refreshTokens.encrypt(owner, refreshToken),
      token_expires_at:
        expiresInSeconds === undefined ? null : new Date(Date.now() + expiresInSeconds * 1000),
    };
  });
  await query(
    `INSERT INTO platform_connections (id, user_id, name, platform_type, instance_url, username, is_default,
       access_token, client_key, client_secret, key_id, seal, refresh_token, token_expires_at)
     SELECT id, user_id, name, platform_type, instance_url, username, is_default, access_token, client_key,
       client_secret, key_id, seal, refresh_token, token_expires_at
     FROM jsonb_populate_recordset(NULL::platform_connections, $1)`,
    [JSON.stringify(rows)],
  );
  return rows.map(({ id }) => id);
}

/** A registration of this application at an instance, as it is stored. */
export async function insertRegistration(
  query: Query,
  keyRing: KeyRing,
  origin: string,
  { clientId, clientSecret, redirectUri }: Record<'clientId' | 'clientSecret' | 'redirectUri', string>,
): Promise<void> {
  const sealed = keyRing.encrypt(JSON.stringify([origin, clientId, clientSecret]));
  await query(
    `INSERT INTO instance_apps (origin, redirect_uri, scopes, client_id, client_secret, key_id)
     VALUES ($1, $2, 'read', $3, $4, $5)`,
    [origin, redirectUri, clientId, sealed, keyRing.primaryKeyId],
  );
}
