import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { KeyRing } from '../crypto/key-ring.js';
import { readable } from '../crypto/readable.js';
import { KeyRotation } from '../keys/key-rotation.js';
import type { Batch, RewrittenBatch, RotatableSecrets } from '../keys/rotatable-secrets.js';

interface Row {
  readonly id: number;
  readonly clientSecret: string;
  readonly keyId: string;
}

/** Lets keys:rotate re-encrypt the client secrets of this application's registrations at instances. */
@Injectable()
export class InstanceAppSecrets implements RotatableSecrets {
  readonly what = 'registrations at instances';
  readonly table = 'instance_apps';

  constructor(
    private readonly ring: KeyRing,
    rotation: KeyRotation,
  ) {
    rotation.register(this);
  }

  async rewrite(manager: EntityManager, { afterId, limit }: Batch): Promise<RewrittenBatch> {
    const rows = await manager.query<Row[]>(
      `SELECT id, client_secret AS "clientSecret", key_id AS "keyId" FROM instance_apps
       WHERE id > $1 AND key_id <> $3 ORDER BY id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED`,
      [afterId, limit, this.ring.primaryKeyId],
    );
    const unreadable: number[] = [];
    for (const row of rows) {
      const secret = readable(() => this.ring.decrypt(row.clientSecret, row.keyId));
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
}
