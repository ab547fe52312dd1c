import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';
import type { AuditAction, AuditActor } from './audit-actions.js';

/** A row without its MAC. Times have whole milliseconds. */
export interface ChainedRow {
  readonly id: number;
  readonly at: Date;
  readonly action: AuditAction;
  readonly outcome: string;
  readonly actor: AuditActor;
  readonly userId: number | null;
  readonly apiKeyId: number | null;
  readonly platformId: number | null;
  readonly reason: string;
  readonly detail: string;
  readonly address: string;
  readonly requestId: string;
}

/** The last row of the trail. */
export interface Head {
  readonly id: number;
  readonly mac: string;
}

/** Authenticates the rows of the audit trail. Who can write the database does not have it. */
export class ChainKey {
  readonly #key: KeyObject;

  /** @param secret 32 random bytes in base64url. */
  constructor(secret: string) {
    this.#key = createSecretKey(Buffer.from(secret, 'base64url'));
  }

  /** HMAC-SHA256 over the row and the MAC before, so that no row can be edited, moved, removed or slipped in. */
  macOf(row: ChainedRow, before: string): string {
    const {
      id,
      at,
      action,
      outcome,
      actor,
      userId,
      apiKeyId,
      platformId,
      reason,
      detail,
      address,
      requestId,
    } = row;
    return this.#mac([
      ...['row', before, id, at.getTime(), action, outcome, actor],
      ...[userId, apiKeyId, platformId, reason, detail, address, requestId],
    ]);
  }

  /** Without it, somebody who removes the last rows could move the head back. */
  sealOf({ id, mac }: Head): string {
    return this.#mac(['head', id, mac]);
  }

  #mac(content: readonly (string | number | null)[]): string {
    return createHmac('sha256', this.#key).update(JSON.stringify(content)).digest('base64url');
  }
}

export function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
