import { Column, Entity, Index, ForeignKey, PrimaryColumn } from 'typeorm';

/** An authenticator app. */
@Entity('totp_factors')
export class TotpFactor {
  @ForeignKey('User', { name: 'totp_factors_user_id_fkey', onDelete: 'CASCADE' })
  @PrimaryColumn({ name: 'user_id', type: 'integer', primaryKeyConstraintName: 'totp_factors_pkey' })
  userId!: number;

  /** Fernet token of the user's id and the secret. */
  @Column({ type: 'text' })
  secret!: string;

  @Index('totp_factors_key_id_idx')
  @Column({ name: 'key_id', type: 'varchar', length: 32 })
  keyId!: string;

  /** When the app first gave a right code. Null before that: it does not count yet. */
  @Column({ name: 'confirmed_at', type: 'timestamptz', nullable: true })
  confirmedAt!: Date | null;

  /** Of the last code that was used: Unix time in steps of 30 seconds. No code up to it works again. */
  @Column({ name: 'last_step', type: 'integer', nullable: true })
  lastStep!: number | null;
}
