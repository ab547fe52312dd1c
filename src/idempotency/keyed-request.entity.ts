import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

/** A request that had an `Idempotency-Key`, and its reply once there is one. */
@Entity('keyed_requests')
@Index('keyed_requests_user_id_idx', ['userId'])
@Index('keyed_requests_expires_at_idx', ['expiresAt'])
export class KeyedRequest {
  /** SHA-256 of the user's id and the key. */
  @PrimaryColumn({ name: 'key_hash', type: 'bytea', primaryKeyConstraintName: 'keyed_requests_pkey' })
  keyHash!: Buffer;

  /** Null if nobody was signed in. */
  // Named as a string, because a feature must not import another feature's entity.
  @ForeignKey('User', { name: 'keyed_requests_user_id_fkey', onDelete: 'CASCADE' })
  @Column({ name: 'user_id', type: 'integer', nullable: true })
  userId!: number | null;

  /** A new one for each time that the request is carried out. */
  @Column({ type: 'uuid' })
  claim!: string;

  /** Until then another request with the key waits for the one that has the claim. */
  @Column({ name: 'claimed_until', type: 'timestamptz' })
  claimedUntil!: Date;

  @Column({ name: 'has_reply', type: 'boolean', default: false })
  hasReply!: boolean;

  /** The request's digest and its reply, as a Fernet token that is bound to this row: both may hold secrets. */
  @Column({ type: 'text' })
  content!: string;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;
}
