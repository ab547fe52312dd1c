import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

/** An account's counts on one day, as of the last check that day. */
@Entity('account_snapshots')
export class AccountSnapshot {
  @ForeignKey('PlatformConnection', { name: 'account_snapshots_platform_id_fkey', onDelete: 'CASCADE' })
  @PrimaryColumn({ name: 'platform_id', type: 'integer', primaryKeyConstraintName: 'account_snapshots_pkey' })
  platformId!: number;

  /** The day in UTC. */
  @Index('account_snapshots_taken_on_idx')
  @PrimaryColumn({ name: 'taken_on', type: 'date', primaryKeyConstraintName: 'account_snapshots_pkey' })
  takenOn!: string;

  @Column({ name: 'taken_at', type: 'timestamptz' })
  takenAt!: Date;

  /** The account counted. A connection can later be given another account's token. */
  @Column({ name: 'account_id', type: 'varchar', length: 100 })
  accountId!: string;

  @Column({ type: 'integer', nullable: true })
  followers!: number | null;

  @Column({ type: 'integer', nullable: true })
  following!: number | null;

  @Column({ type: 'integer', nullable: true })
  statuses!: number | null;
}
