import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

/** An address that somebody wants instead of theirs. */
@Entity('email_changes')
@Index('email_changes_new_email_idx', ['newEmail'])
export class EmailChange {
  @ForeignKey('User', { name: 'email_changes_user_id_fkey', onDelete: 'CASCADE' })
  @PrimaryColumn({ name: 'user_id', type: 'integer', primaryKeyConstraintName: 'email_changes_pkey' })
  userId!: number;

  @Column({ name: 'new_email', type: 'varchar', length: 320 })
  newEmail!: string;

  @Column({ name: 'old_confirmed', type: 'boolean', default: false })
  oldConfirmed!: boolean;

  @Column({ name: 'new_confirmed', type: 'boolean', default: false })
  newConfirmed!: boolean;

  @Column({ name: 'requested_at', type: 'timestamptz', default: () => 'now()' })
  requestedAt!: Date;
}
