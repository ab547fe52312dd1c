import type { JoseKey } from '@atproto/oauth-client-node';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { KeyRing } from '../../crypto/key-ring.js';
import { readable } from '../../crypto/readable.js';
import { Database } from '../../database/database.js';
import { KeyRotation } from '../../keys/key-rotation.js';
import type { Batch, RewrittenBatch, RotatableSecrets } from '../../keys/rotatable-secrets.js';

interface Row {
  readonly privateKey: string;
  readonly keyId: string;
}

const jwkSchema = z.looseObject({ kid: z.string() });
const publicSchema = z.object({
  kty: z.string(),
  crv: z.string(),
  x: z.string(),
  y: z.string(),
  kid: z.string(),
});
const SELECT_SQL = 'SELECT private_key AS "privateKey", key_id AS "keyId" FROM bluesky_client_key';

/**
 * The key by which this application authenticates to servers of the AT Protocol. It is stored, not derived from the key
 * ring: a session belongs to the key that it began with, and must outlive a rotation of the ring. All processes use the
 * same one, the first that any of them stored.
 */
@Injectable()
export class ClientKey implements RotatableSecrets {
  readonly what = 'keys for Bluesky';
  readonly table = 'bluesky_client_key';
  #loaded: Promise<JoseKey> | null = null;

  constructor(
    private readonly database: Database,
    private readonly ring: KeyRing,
    rotation: KeyRotation,
  ) {
    rotation.register(this);
  }

  get(): Promise<JoseKey> {
    // A failure is not remembered: the database may be back the next time.
    this.#loaded ??= this.load().catch((error: unknown) => {
      this.#loaded = null;
      throw error;
    });
    return this.#loaded;
  }

  /** What servers check this application's signatures with (RFC 7517). */
  async published(): Promise<z.output<typeof publicSchema> & { alg: 'ES256'; use: 'sig' }> {
    const { publicJwk } = await this.get();
    return { ...publicSchema.parse(publicJwk), alg: 'ES256', use: 'sig' };
  }

  async rewrite(manager: EntityManager, { afterId }: Batch): Promise<RewrittenBatch> {
    const done = { nextAfterId: null, changes: [] };
    const [row] = await manager.query<Row[]>(
      `${SELECT_SQL} WHERE id > $1 AND key_id <> $2 FOR NO KEY UPDATE SKIP LOCKED`,
      [afterId, this.ring.primaryKeyId],
    );
    if (row === undefined) return { ...done, rewritten: 0, unreadable: [] };
    const secret = readable(() => this.ring.decrypt(row.privateKey, row.keyId));
    if (secret === null) return { ...done, rewritten: 0, unreadable: [1] };
    await manager.query('UPDATE bluesky_client_key SET private_key = $1, key_id = $2', [
      this.ring.encrypt(secret),
      this.ring.primaryKeyId,
    ]);
    return { ...done, rewritten: 1, unreadable: [] };
  }

  private async load(): Promise<JoseKey> {
    const { JoseKey } = await import('@atproto/oauth-client-node');
    const stored = (await this.read()) ?? (await this.make());
    return JoseKey.fromJWK(stored);
  }

  /** Null if there is none, or no key of the ring decrypts it. */
  private async read(): Promise<Record<string, unknown> | null> {
    const [row] = await this.database.statement<Row>(SELECT_SQL);
    if (row === undefined) return null;
    return readable(() => jwkSchema.parse(JSON.parse(this.ring.decrypt(row.privateKey, row.keyId))));
  }

  private async make(): Promise<Record<string, unknown>> {
    const { JoseKey } = await import('@atproto/oauth-client-node');
    const { privateJwk } = await JoseKey.generate(['ES256'], crypto.randomUUID());
    const row = [this.ring.encrypt(JSON.stringify(privateJwk)), this.ring.primaryKeyId];
    return this.database.transaction(async (manager) => {
      await manager.query(
        'INSERT INTO bluesky_client_key (private_key, key_id) VALUES ($1, $2) ON CONFLICT DO NOTHING',
        row,
      );
      // The row of a process that was faster, or one that can no longer be decrypted, which is replaced.
      const [stored] = await manager.query<Row[]>(`${SELECT_SQL} FOR UPDATE`);
      const kept =
        stored &&
        readable(() => jwkSchema.parse(JSON.parse(this.ring.decrypt(stored.privateKey, stored.keyId))));
      if (kept) return kept;
      await manager.query('UPDATE bluesky_client_key SET private_key = $1, key_id = $2', row);
      return { ...privateJwk };
    });
  }
}
