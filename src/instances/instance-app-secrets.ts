import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { KeyRing, UndecryptableSecret } from '../crypto/key-ring.js';
import { KeyRotation } from '../keys/key-rotation.js';
import type { Batch, KeyUsage, RewrittenBatch, RotatableSecrets } from '../keys/rotatable-secrets.js';

interface Row {
  readonly id: number;
  readonly clientSecret: string;
  readonly keyId: string;
}

/** Lets keys:rotate re-encrypt the client secrets of this application's registrations at instances. */
@Injectable()
export class InstanceAppSecrets implements RotatableSecrets {
  readonly what = 'registrations at instances';

  constructor(
    private readonly ring: KeyRing,
    rotation: KeyRotation,
  ) {
    rotation.register(this);
  }

  usage(manager: EntityManager): Promise<KeyUsage[]> {
    return manager.query<KeyUsage[]>(
      `SELECT key_id AS "keyId", count(*)::integer AS rows FROM instance_apps GROUP BY key_id ORDER BY key_id`,
    );
  }

  async rewrite(manager: EntityManager, { afterId, limit }: Batch): Promise<RewrittenBatch> {
    const rows = await manager.query<Row[]>(
      `SELECT id, client_secret AS "clientSecret", key_id AS "keyId" FROM instance_apps
       WHERE id > $1 AND key_id <> $3 ORDER BY id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED`,
      [afterId, limit, this.ring.primaryKeyId],
    );
    const unreadable: number[] = [];
    for (const row of rows) {
      const secret = this.open(row);
      if (secret === null) unreadable.push(row.id);
      else {
        await manager.query('UPDATE instance_apps SET client_secret = $2, key_id = $3 WHERE id = $1', [
          row.id,
          this.ring.encrypt(secret),
          this.ring.primaryKeyId,
        ]);
      }
    }
    return {
      rewritten: rows.length - unreadable.length,
      unreadable,
      nextAfterId: rows.length < limit ? null : (rows.at(-1)?.id ?? null),
      changes: [],
    };
  }

  private open({ clientSecret, keyId }: Row): string | null {
    try {
      return this.ring.decrypt(clientSecret, keyId);
    } catch (error) {
      if (error instanceof UndecryptableSecret) return null;
      throw error;
    }
  }
}
