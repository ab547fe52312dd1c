import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

/** A connection by OAuth that has been begun and waits for its callback. */
@Entity('connect_attempts')
@Index('connect_attempts_user_id_idx', ['userId'])
@Index('connect_attempts_expires_at_idx', ['expiresAt'])
export class ConnectAttempt {
  /** SHA-256 of the `state`, which has 256 random bits. */
  @PrimaryColumn({ name: 'state_hash', type: 'bytea', primaryKeyConstraintName: 'connect_attempts_pkey' })
  stateHash!: Buffer;

  /** SHA-256 of the cookie of the browser that began it. */
  @Column({ name: 'browser_hash', type: 'bytea' })
  browserHash!: Buffer;

  // By name: the users feature's entity is not imported here.
  @ForeignKey('User', { name: 'connect_attempts_user_id_fkey', onDelete: 'CASCADE' })
  @Column({ name: 'user_id', type: 'integer' })
  userId!: number;

  @Column({ type: 'varchar', length: 500 })
  origin!: string;

  @Column({ name: 'client_id', type: 'varchar', length: 500 })
  clientId!: string;

  /** The PKCE code verifier, as a Fernet token. */
  @Column({ type: 'text' })
  verifier!: string;

  @Column({ type: 'varchar', length: 100, nullable: true })
  name!: string | null;

  @Column({ name: 'return_to', type: 'varchar', length: 500, nullable: true })
  returnTo!: string | null;

  /** Whether it stands for an earlier one whose app the instance had forgotten; then there is no third. */
  @Column({ type: 'boolean', default: false })
  renewed!: boolean;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;
}
