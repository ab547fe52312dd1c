import { Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from 'typeorm';

/** A connection by OAuth or MiAuth that has been started. It waits for its callback, then for the user's page to finish it. */
@Entity('connect_attempts')
@Index('connect_attempts_user_id_idx', ['userId'])
@Index('connect_attempts_expires_at_idx', ['expiresAt'])
@Index('connect_attempts_link_id_idx', ['linkId'])
@Unique('connect_attempts_attempt_hash_key', ['attemptHash'])
export class ConnectAttempt {
  /** SHA-256 of the `state`, a secret of 256 random bits. */
  @PrimaryColumn({ name: 'state_hash', type: 'bytea', primaryKeyConstraintName: 'connect_attempts_pkey' })
  stateHash!: Buffer;

  /** SHA-256 of the cookie of the browser that started it. */
  @Column({ name: 'browser_hash', type: 'bytea' })
  browserHash!: Buffer;

  /** SHA-256 of the secret that the callback gave to the browser; null until then. */
  @Column({ name: 'attempt_hash', type: 'bytea', nullable: true })
  attemptHash!: Buffer | null;

  // Named as a string, because a feature must not import another feature's entity.
  @ForeignKey('User', { name: 'connect_attempts_user_id_fkey', onDelete: 'CASCADE' })
  @Column({ name: 'user_id', type: 'integer' })
  userId!: number;

  /** The link by which somebody without an account began it; null if the user began it. */
  @ForeignKey('ConnectLink', { name: 'connect_attempts_link_id_fkey', onDelete: 'CASCADE' })
  @Column({ name: 'link_id', type: 'integer', nullable: true })
  linkId!: number | null;

  @Column({ type: 'varchar', length: 500 })
  origin!: string;

  /** Null for MiAuth, which knows no clients. */
  @Column({ name: 'client_id', type: 'varchar', length: 500, nullable: true })
  clientId!: string | null;

  /**
   * The PKCE code verifier or the MiAuth session, and what else is secret from the beginning, as a Fernet token that is bound
   * to this row.
   */
  @Column({ type: 'text' })
  verifier!: string;

  /** The authorisation code and its `iss`, or the tokens that it was exchanged for, as a Fernet token that is bound to this row. */
  @Column({ type: 'text', nullable: true })
  code!: string | null;

  @Column({ type: 'varchar', length: 100, nullable: true })
  name!: string | null;

  @Column({ name: 'return_to', type: 'varchar', length: 500, nullable: true })
  returnTo!: string | null;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;
}
