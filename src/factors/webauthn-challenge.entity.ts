import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

/** One that has not been answered. */
@Entity('webauthn_challenges')
@Index('webauthn_challenges_user_id_idx', ['userId'])
@Index('webauthn_challenges_expires_at_idx', ['expiresAt'])
export class WebauthnChallenge {
  @PrimaryColumn({
    name: 'challenge_hash',
    type: 'bytea',
    primaryKeyConstraintName: 'webauthn_challenges_pkey',
  })
  challengeHash!: Buffer;

  /** Who registers a passkey. Null for a proof: the passkey itself says whose it is. */
  @ForeignKey('User', { name: 'webauthn_challenges_user_id_fkey', onDelete: 'CASCADE' })
  @Column({ name: 'user_id', type: 'integer', nullable: true })
  userId!: number | null;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;
}
