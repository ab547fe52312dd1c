import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { KeyRing } from '../crypto/key-ring.js';
import { readable } from '../crypto/readable.js';
import { KeyRotation } from '../keys/key-rotation.js';
import type { RewrittenBatch, RotatableSecrets } from '../keys/rotatable-secrets.js';

/** Lets keys:rotate re-encrypt the key of the audit trail. The key itself stays, so the old entries can be verified. */
@Injectable()
export class AuditKeySecrets implements RotatableSecrets {
  readonly what = 'keys of the audit trail';
  readonly table = 'audit_chain';

  constructor(
    private readonly ring: KeyRing,
    rotation: KeyRotation,
  ) {
    rotation.register(this);
  }

  async rewrite(manager: EntityManager): Promise<RewrittenBatch> {
    const { primaryKeyId } = this.ring;
    const [row] = await manager.query<{ id: number; token: string; keyId: string }[]>(
      `SELECT id, token, key_id AS "keyId" FROM audit_chain WHERE key_id <> $1 FOR NO KEY UPDATE`,
      [primaryKeyId],
    );
    const secret = row === undefined ? null : readable(() => this.ring.decrypt(row.token, row.keyId));
    if (secret !== null)
      await manager.query('UPDATE audit_chain SET token = $1, key_id = $2', [
        this.ring.encrypt(secret),
        primaryKeyId,
      ]);
    return {
      rewritten: secret === null ? 0 : 1,
      unreadable: row !== undefined && secret === null ? [row.id] : [],
      nextAfterId: null,
      changes: [],
    };
  }
}
