import { createHash, randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { KeyRing } from '../crypto/key-ring.js';
import { readable } from '../crypto/readable.js';
import { Database } from '../database/database.js';
import { type Claim, currentClaim } from './current-claim.js';
import { IdempotencyKeyInUse, IdempotencyKeyReused } from './idempotency.errors.js';
import type { KeyedRequest } from './keyed-request.entity.js';

const LIFETIME_HOURS = 24;
/** Longer than any request takes. A claim ends so that a request whose process died can be repeated. */
const CLAIM_SECONDS = 60;
const MAX_RETRY_AFTER_SECONDS = 5;
const PURGED_PER_CLAIM = 20;
/** A row that is there, then gone, then there again: others release the same key all the time. */
const ATTEMPTS = 5;

const replySchema = z.object({
  status: z.number(),
  headers: z.record(z.string(), z.union([z.string(), z.array(z.string())])),
  /** JSON text; null for none. */
  body: z.string().nullable(),
});
const contentSchema = z.object({ key: z.string(), digest: z.string(), reply: replySchema.nullable() });

export type KeptReply = Readonly<z.infer<typeof replySchema>>;

/** Who asks, with which key, and for what. */
export interface KeyedCall {
  /** Null if nobody is signed in. */
  readonly userId: number | null;
  readonly key: string;
  /** Method, URL and body. */
  readonly request: string;
  /** Of a reply that is stored before it is sent. */
  readonly status: number;
}

type Found = Pick<KeyedRequest, 'claim' | 'content' | 'hasReply'> & {
  /** Zero or less: anybody may take the claim over. */
  readonly claimSeconds: number;
  readonly isExpired: boolean;
};

const INSERT_SQL = `
  WITH purged AS (
    DELETE FROM keyed_requests WHERE key_hash IN (
      SELECT key_hash FROM keyed_requests WHERE expires_at < now() ORDER BY expires_at LIMIT ${PURGED_PER_CLAIM}
      FOR UPDATE SKIP LOCKED
    )
  )
  INSERT INTO keyed_requests (key_hash, user_id, claim, content, claimed_until, expires_at)
  VALUES ($1, $2, $3, $4, now() + make_interval(secs => ${CLAIM_SECONDS}), now() + make_interval(hours => ${LIFETIME_HOURS}))
  ON CONFLICT (key_hash) DO NOTHING
  RETURNING claim`;

const FIND_SQL = `
  SELECT claim, content, has_reply AS "hasReply", expires_at <= now() AS "isExpired",
    ceil(extract(epoch FROM claimed_until - now()))::integer AS "claimSeconds"
  FROM keyed_requests WHERE key_hash = $1`;

const TAKE_OVER_SQL = `
  WITH taken AS (
    UPDATE keyed_requests SET claim = $3, claimed_until = now() + make_interval(secs => ${CLAIM_SECONDS})
    WHERE key_hash = $1 AND claim = $2 AND NOT has_reply
    RETURNING claim
  )
  SELECT claim FROM taken`;

const KEEP_SQL = `
  UPDATE keyed_requests SET content = $3, has_reply = true WHERE key_hash = $1 AND claim = $2
  RETURNING claim`;

/**
 * Requests by their `Idempotency-Key`: each is carried out once, and a repetition gets the first one's reply. A reply that
 * is kept in the transaction of its change is there exactly if the change is, whenever a process dies. The claim fences:
 * a process that comes back after its claim was taken over cannot commit. The database's clock decides.
 */
@Injectable()
export class KeyedRequests {
  constructor(
    private readonly database: Database,
    private readonly ring: KeyRing,
  ) {}

  /**
   * @returns the right to carry the request out, or the reply that it had.
   * @throws {IdempotencyKeyReused} for another request; also if the key that encrypted the first one has left the ring.
   * @throws {IdempotencyKeyInUse}
   */
  async claim({ userId, key, request, status }: KeyedCall): Promise<Claim | KeptReply> {
    const keyHash = sha256(JSON.stringify([userId, key]));
    const claim = { keyHash, id: randomUUID(), userId, digest: sha256(request).toString('hex'), status };
    const content = this.sealed(claim, null);
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const inserted = await this.database.statement(INSERT_SQL, [keyHash, userId, claim.id, content]);
      if (inserted.length > 0) return claim;
      const [found] = await this.database.statement<Found>(FIND_SQL, [keyHash]);
      if (found === undefined) continue;
      if (found.isExpired) {
        await this.delete(keyHash, found.claim);
        continue;
      }
      const first = this.opened(claim, found.content);
      if (first?.digest !== claim.digest) throw new IdempotencyKeyReused();
      if (first.reply !== null) return first.reply;
      if (found.claimSeconds > 0)
        throw new IdempotencyKeyInUse(Math.min(found.claimSeconds, MAX_RETRY_AFTER_SECONDS));
      const taken = await this.database.statement(TAKE_OVER_SQL, [keyHash, found.claim, claim.id]);
      if (taken.length > 0) return claim;
    }
    throw new IdempotencyKeyInUse(1);
  }

  /**
   * Stores the reply of the current request, if it has a key, in the transaction that makes the change.
   *
   * @throws {IdempotencyKeyInUse} if the claim was taken over: then the change must not be committed.
   */
  async keepIn(
    manager: EntityManager,
    body: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const claim = currentClaim();
    if (claim === null) return;
    const reply = { status: claim.status, headers, body: JSON.stringify(body) };
    const [kept] = await manager.query<[unknown[], number]>(KEEP_SQL, [
      ...[claim.keyHash, claim.id],
      this.sealed(claim, reply),
    ]);
    if (kept.length === 0) throw new IdempotencyKeyInUse(1);
  }

  /** Stores the reply of a request that is done. Without effect if the claim was taken over. */
  async complete(claim: Claim, reply: KeptReply): Promise<void> {
    await this.database.statement(KEEP_SQL, [claim.keyHash, claim.id, this.sealed(claim, reply)]);
  }

  /** Forgets a request that changed nothing. One whose reply was kept has changed something, and stays. */
  async forget({ keyHash, id }: Claim): Promise<void> {
    await this.database.statement(
      'DELETE FROM keyed_requests WHERE key_hash = $1 AND claim = $2 AND NOT has_reply',
      [keyHash, id],
    );
  }

  /** Lets the same request be carried out again, and no other one; of a stranger's nothing is kept, or rows could pile up. */
  async release({ keyHash, id, userId }: Claim): Promise<void> {
    if (userId === null) return this.delete(keyHash, id);
    await this.database.statement(
      'UPDATE keyed_requests SET claimed_until = now() WHERE key_hash = $1 AND claim = $2',
      [keyHash, id],
    );
  }

  private async delete(keyHash: Buffer, claim: string): Promise<void> {
    await this.database.statement('DELETE FROM keyed_requests WHERE key_hash = $1 AND claim = $2', [
      keyHash,
      claim,
    ]);
  }

  private sealed({ keyHash, digest }: Claim, reply: KeptReply | null): string {
    return this.ring.encrypt(JSON.stringify({ key: keyHash.toString('hex'), digest, reply }));
  }

  private opened({ keyHash }: Claim, content: string): z.infer<typeof contentSchema> | null {
    const opened = readable(() => contentSchema.parse(JSON.parse(this.ring.decrypt(content))));
    return opened?.key === keyHash.toString('hex') ? opened : null;
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
