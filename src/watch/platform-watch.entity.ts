import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';

/**
 * When a connection is to be looked at. Beside its row, so that planning changes no version and drops nothing cached.
 * Whoever takes something on moves its time ahead: that is the lease, and it passes by itself.
 */
@Entity('platform_watch')
@Index('platform_watch_unplanned_idx', ['platformId'], { where: 'next_check_at IS NULL' })
export class PlatformWatch {
  @ForeignKey('PlatformConnection', { name: 'platform_watch_platform_id_fkey', onDelete: 'CASCADE' })
  @PrimaryColumn({ name: 'platform_id', type: 'integer', primaryKeyConstraintName: 'platform_watch_pkey' })
  platformId!: number;

  /** Null until a round has planned the first check. */
  @Index('platform_watch_next_check_at_idx')
  @Column({ name: 'next_check_at', type: 'timestamptz', nullable: true })
  nextCheckAt!: Date | null;

  /** From when on the token is to be refreshed; null when it cannot be. Set by a trigger when a token comes in. */
  @Column({ name: 'refresh_at', type: 'timestamptz', nullable: true })
  refreshAt!: Date | null;
}
