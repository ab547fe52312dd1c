import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

/**
 * When a connection is due for a check. A table of its own, so that planning neither changes the connection's version nor
 * drops cached values. A process claims a check by moving its time ahead: that is a lease, and it expires by itself.
 */
@Entity('platform_watch')
@Index('platform_watch_unplanned_idx', ['platformId'], { where: 'next_check_at IS NULL' })
@Index('platform_watch_instance_idx', ['instanceUrl', 'nextCheckAt'])
@Index('platform_watch_confirm_idx', ['instanceUrl', 'nextCheckAt'], { where: 'broken_checks = 1' })
@Index('platform_watch_broken_idx', ['conditionAt'], { where: 'broken_checks > 0' })
@Index('platform_watch_news_idx', ['platformId'], {
  where: '(broken_checks >= 2 AND NOT told_broken) OR (broken_checks = 0 AND told_broken)',
})
export class PlatformWatch {
  @ForeignKey('PlatformConnection', { name: 'platform_watch_platform_id_fkey', onDelete: 'CASCADE' })
  @PrimaryColumn({ name: 'platform_id', type: 'integer', primaryKeyConstraintName: 'platform_watch_pkey' })
  platformId!: number;

  /** Of the connection: triggers keep it the same. */
  @Column({ name: 'instance_url', type: 'varchar', length: 500 })
  instanceUrl!: string;

  /** Null until a round has planned the first check. */
  @Index('platform_watch_next_check_at_idx')
  @Column({ name: 'next_check_at', type: 'timestamptz', nullable: true })
  nextCheckAt!: Date | null;

  /** When the token is due for a refresh; null if it cannot be refreshed. A trigger sets it when a token is stored. */
  @Column({ name: 'refresh_at', type: 'timestamptz', nullable: true })
  refreshAt!: Date | null;

  /** While a process refreshes the token. */
  @Column({ name: 'refresh_leased_until', type: 'timestamptz', nullable: true })
  refreshLeasedUntil!: Date | null;

  /** Failed checks in a row; two are as good as any more. */
  @Column({ name: 'broken_checks', type: 'smallint', default: 0 })
  brokenChecks!: number;

  /** Whether its person has heard last that it is broken. */
  @Column({ name: 'told_broken', type: 'boolean', default: false })
  toldBroken!: boolean;

  /** When `broken_checks` changed. */
  @Column({ name: 'condition_at', type: 'timestamptz', nullable: true })
  conditionAt!: Date | null;
}
