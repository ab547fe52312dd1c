import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

/** What an instance said of an account, the last time that it was asked on a day. */
@Entity('account_snapshots')
export class AccountSnapshot {
  @ForeignKey('PlatformConnection', { name: 'account_snapshots_platform_id_fkey', onDelete: 'CASCADE' })
  @PrimaryColumn({ name: 'platform_id', type: 'integer', primaryKeyConstraintName: 'account_snapshots_pkey' })
  platformId!: number;

  /** In UTC. */
  @Index('account_snapshots_taken_on_idx')
  @PrimaryColumn({ name: 'taken_on', type: 'date', primaryKeyConstraintName: 'account_snapshots_pkey' })
  takenOn!: string;

  @Column({ name: 'taken_at', type: 'timestamptz' })
  takenAt!: Date;

  /** Whose counts these are: a connection may be given the token of another account. */
  @Column({ name: 'account_id', type: 'varchar', length: 100 })
  accountId!: string;

  @Column({ type: 'integer', nullable: true })
  followers!: number | null;

  @Column({ type: 'integer', nullable: true })
  following!: number | null;

  @Column({ type: 'integer', nullable: true })
  statuses!: number | null;
}
