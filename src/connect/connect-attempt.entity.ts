import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

/** An OAuth connection that has been started and waits for its callback. */
@Entity('connect_attempts')
@Index('connect_attempts_user_id_idx', ['userId'])
@Index('connect_attempts_expires_at_idx', ['expiresAt'])
export class ConnectAttempt {
  /** SHA-256 of the `state`, a secret of 256 random bits. */
  @PrimaryColumn({ name: 'state_hash', type: 'bytea', primaryKeyConstraintName: 'connect_attempts_pkey' })
  stateHash!: Buffer;

  /** SHA-256 of the cookie of the browser that started it. */
  @Column({ name: 'browser_hash', type: 'bytea' })
  browserHash!: Buffer;

  // Named as a string, because a feature must not import another feature's entity.
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

  /** Whether it is the one retry of an attempt that failed because the instance had deleted our registration. */
  @Column({ type: 'boolean', default: false })
  renewed!: boolean;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;
}
