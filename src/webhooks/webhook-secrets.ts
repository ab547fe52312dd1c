import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { KeyRing } from '../crypto/key-ring.js';
import { readable } from '../crypto/readable.js';
import { KeyRotation } from '../keys/key-rotation.js';
import type { Batch, RewrittenBatch, RotatableSecrets } from '../keys/rotatable-secrets.js';

/** Standard Webhooks allows 24 to 64 bytes. */
const SECRET_BYTES = 32;

const contentSchema = z.tuple([z.int(), z.string(), z.string().nullable()]);

export interface SecretPair {
  readonly current: string;
  /** Signs as well until the overlap ends. */
  readonly previous: string | null;
}

export interface SealedSecrets {
  readonly secrets: string;
  readonly keyId: string;
}

interface Row extends SealedSecrets {
  readonly id: number;
}

export function newSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
}

/** The secrets of webhooks, encrypted with the id of their webhook: moved to another row, they are rejected. */
@Injectable()
export class WebhookSecrets implements RotatableSecrets {
  readonly what = 'secrets of webhooks';
  readonly table = 'webhooks';

  constructor(
    private readonly ring: KeyRing,
    rotation: KeyRotation,
  ) {
    rotation.register(this);
  }

  seal(id: number, { current, previous }: SecretPair): SealedSecrets {
    return {
      secrets: this.ring.encrypt(JSON.stringify([id, current, previous])),
      keyId: this.ring.primaryKeyId,
    };
  }

  /** Null when no key of the ring decrypts them, or they belong to another webhook. */
  open({ id, secrets, keyId }: Row): SecretPair | null {
    const content = readable(() => contentSchema.parse(JSON.parse(this.ring.decrypt(secrets, keyId))));
    if (content === null || content[0] !== id) return null;
    return { current: content[1], previous: content[2] };
  }

  async rewrite(manager: EntityManager, { afterId, limit }: Batch): Promise<RewrittenBatch> {
    const rows = await manager.query<Row[]>(
      `SELECT id, secrets, key_id AS "keyId" FROM webhooks
       WHERE id > $1 AND key_id <> $3 ORDER BY id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED`,
      [afterId, limit, this.ring.primaryKeyId],
    );
    const unreadable: number[] = [];
    for (const row of rows) {
      const pair = this.open(row);
      if (pair === null) unreadable.push(row.id);
      else {
        const { secrets, keyId } = this.seal(row.id, pair);
        await manager.query('UPDATE webhooks SET secrets = $2, key_id = $3 WHERE id = $1', [
          row.id,
          secrets,
          keyId,
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
