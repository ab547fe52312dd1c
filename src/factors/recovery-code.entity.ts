import { Column, Entity, ForeignKey, Index, PrimaryGeneratedColumn } from 'typeorm';

/** One that has not been used. Using it deletes it. */
@Entity('recovery_codes')
@Index('recovery_codes_user_id_idx', ['userId'])
export class RecoveryCode {
  @PrimaryGeneratedColumn('identity', {
    generatedIdentity: 'BY DEFAULT',
    primaryKeyConstraintName: 'recovery_codes_pkey',
  })
  id!: number;

  @ForeignKey('User', { name: 'recovery_codes_user_id_fkey', onDelete: 'CASCADE' })
  @Column({ name: 'user_id', type: 'integer' })
  userId!: number;

  /** SHA-256, of 80 random bits. */
  @Column({ name: 'code_hash', type: 'bytea' })
  codeHash!: Buffer;
}
