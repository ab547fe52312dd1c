import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { CredentialCipher, type CredentialsOwner } from '../credentials/credential-cipher.js';
import { RefreshTokenCipher } from '../credentials/refresh-token-cipher.js';
import type { SealedCredentials } from '../credentials/sealed-credentials.js';
import { KeyRing } from '../crypto/key-ring.js';
import { Database } from '../database/database.js';
import { KeyRotation } from '../keys/key-rotation.js';
import type { Batch, RewrittenBatch, RotatableSecrets } from '../keys/rotatable-secrets.js';

type Row = CredentialsOwner & SealedCredentials & { readonly refreshToken: string | null };

/** The new columns; null for a row that cannot be opened; `later` for a row that stays as it is. */
type Rewrite = (row: Row) => SealedCredentials | null | 'later';

export interface SealOutcome {
  readonly rewritten: number;
  /** Ids of rows that no key of the ring opens. */
  readonly unreadable: readonly number[];
  /** Rows that still have no seal, including the unreadable ones. */
  readonly left: number;
}

const COLUMNS = `
  id, user_id AS "userId", instance_url AS "instanceUrl", username, access_token AS "accessToken", client_key AS "clientKey",
  client_secret AS "clientSecret", refresh_token AS "refreshToken", key_id AS "keyId", seal`;

const UPDATE_SQL = `
  UPDATE platform_connections p
  SET access_token = new.access_token, client_key = new.client_key, client_secret = new.client_secret,
    key_id = new.key_id, seal = new.seal, refresh_token = new.refresh_token
  FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
    AS new (id, access_token, client_key, client_secret, key_id, seal, refresh_token)
  WHERE p.id = new.id`;

/** The credentials of platform connections, as keys:rotate and credentials:seal see them. */
@Injectable()
export class PlatformSecrets implements RotatableSecrets {
  readonly what = 'platform connections';
  readonly table = 'platform_connections';

  constructor(
    private readonly cipher: CredentialCipher,
    private readonly refreshTokens: RefreshTokenCipher,
    private readonly ring: KeyRing,
    private readonly rotation: KeyRotation,
    private readonly database: Database,
  ) {
    rotation.register(this);
  }

  rewrite(manager: EntityManager, batch: Batch): Promise<RewrittenBatch> {
    return this.rewriteWhere(manager, batch, ['key_id <> $3', this.ring.primaryKeyId], (row) => {
      const rewrapped = this.cipher.rewrap(row, row);
      // A row without a seal is not trusted, but credentials:seal may still need the old key to seal it.
      return rewrapped === null && this.cipher.sealImported(row, row) !== null ? 'later' : rewrapped;
    });
  }

  /** Seals the rows that have no seal and re-encrypts them under the primary key. Leaves all others alone. */
  async sealImported(): Promise<SealOutcome> {
    const unsealed = ['seal IS NULL AND $3::text IS NULL', null] as const;
    const done = await this.rotation.pass(
      (manager, batch) =>
        this.rewriteWhere(manager, batch, unsealed, (row) => this.cipher.sealImported(row, row)),
      () => undefined,
    );
    const [count] = await this.database.statement<{ left: number }>(
      'SELECT count(*)::integer AS left FROM platform_connections WHERE seal IS NULL',
    );
    return { ...done, left: count?.left ?? 0 };
  }

  /**
   * Rewrites the next rows that meet the condition, in the caller's transaction. `$3` is the condition's parameter.
   *
   * @param locked what happens to rows that are being written. To wait for them, ask for one at a time: writers lock
   *   several, in any order.
   */
  async rewriteWhere(
    manager: EntityManager,
    { afterId, limit }: Batch,
    [condition, parameter]: readonly [string, unknown],
    rewrite: Rewrite,
    locked: 'skip' | 'wait' = 'skip',
  ): Promise<RewrittenBatch> {
    const rows = await manager.query<Row[]>(
      `SELECT ${COLUMNS} FROM platform_connections WHERE id > $1 AND ${condition}
       ORDER BY id LIMIT $2 FOR NO KEY UPDATE ${locked === 'skip' ? 'SKIP LOCKED' : ''}`,
      [afterId, limit, parameter],
    );
    const unreadable: number[] = [];
    const renewed: { readonly row: Row; readonly sealed: SealedCredentials }[] = [];
    for (const row of rows) {
      const sealed = rewrite(row);
      if (sealed === null) unreadable.push(row.id);
      else if (sealed !== 'later') renewed.push({ row, sealed });
    }
    if (renewed.length > 0) {
      await manager.query(UPDATE_SQL, [
        renewed.map(({ row }) => row.id),
        renewed.map(({ sealed }) => sealed.accessToken),
        renewed.map(({ sealed }) => sealed.clientKey),
        renewed.map(({ sealed }) => sealed.clientSecret),
        renewed.map(({ sealed }) => sealed.keyId),
        renewed.map(({ sealed }) => sealed.seal),
        renewed.map(({ row }) => this.refreshTokens.rewrap(row, row.refreshToken)),
      ]);
    }
    return {
      rewritten: renewed.length,
      unreadable,
      nextAfterId: rows.length < limit ? null : (rows.at(-1)?.id ?? null),
      changes: renewed.map(({ row }) => ({ userId: row.userId, platformId: row.id })),
    };
  }
}
