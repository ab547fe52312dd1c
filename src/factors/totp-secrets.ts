import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { KeyRotation } from '../keys/key-rotation.js';
import type { Batch, RewrittenBatch, RotatableSecrets } from '../keys/rotatable-secrets.js';
import { TotpCipher } from './totp-cipher.js';

/** Lets keys:rotate re-encrypt the secrets of authenticator apps. */
@Injectable()
export class TotpSecrets implements RotatableSecrets {
  readonly what = 'authenticator apps';
  readonly table = 'totp_factors';

  constructor(
    private readonly cipher: TotpCipher,
    rotation: KeyRotation,
  ) {
    rotation.register(this);
  }

  async rewrite(manager: EntityManager, { afterId, limit }: Batch): Promise<RewrittenBatch> {
    const { primaryKeyId } = this.cipher;
    const rows = await manager.query<{ id: number; secret: string }[]>(
      `SELECT user_id AS id, secret FROM totp_factors
       WHERE user_id > $1 AND key_id <> $3 ORDER BY user_id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED`,
      [afterId, limit, primaryKeyId],
    );
    const unreadable: number[] = [];
    for (const { id, secret: ciphertext } of rows) {
      const secret = this.cipher.decrypt(id, ciphertext);
      if (secret === null) unreadable.push(id);
      else
        await manager.query('UPDATE totp_factors SET secret = $2, key_id = $3 WHERE user_id = $1', [
          ...[id, this.cipher.encrypt(id, secret), primaryKeyId],
        ]);
    }
    return {
      rewritten: rows.length - unreadable.length,
      unreadable,
      nextAfterId: rows.length < limit ? null : (rows.at(-1)?.id ?? null),
      changes: [],
    };
  }
}
