import { Column, Entity, Index, PrimaryGeneratedColumn, Unique } from 'typeorm';

/** One that nobody has used. Using it deletes it. */
@Entity('invitations')
@Unique('invitations_token_hash_key', ['tokenHash'])
@Unique('invitations_mailed_token_hash_key', ['mailedTokenHash'])
@Index('invitations_expires_at_idx', ['expiresAt'])
export class Invitation {
  @PrimaryGeneratedColumn('identity', {
    generatedIdentity: 'BY DEFAULT',
    primaryKeyConstraintName: 'invitations_pkey',
  })
  id!: number;

  /** SHA-256, as of a refresh token. */
  @Column({ name: 'token_hash', type: 'bytea' })
  tokenHash!: Buffer;

  /** Of the link in the letter, once there is one. */
  @Column({ name: 'mailed_token_hash', type: 'bytea', nullable: true })
  mailedTokenHash!: Buffer | null;

  /** The only address that may use it; null if any may. */
  @Column({ type: 'varchar', length: 320, nullable: true })
  email!: string | null;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;
}
