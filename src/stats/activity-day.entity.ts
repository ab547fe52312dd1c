import { Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import type { ActivityKind } from './activity.entity.js';

/** Number of activities per day, maintained by triggers. A count can fall back to zero. */
@Entity('platform_activity_days')
export class PlatformActivityDay {
  @ForeignKey('PlatformConnection', {
    name: 'platform_activity_days_platform_id_fkey',
    onDelete: 'CASCADE',
  })
  @PrimaryColumn({
    name: 'platform_id',
    type: 'integer',
    primaryKeyConstraintName: 'platform_activity_days_pkey',
  })
  platformId!: number;

  /** In UTC. */
  @PrimaryColumn({ type: 'date', primaryKeyConstraintName: 'platform_activity_days_pkey' })
  day!: string;

  @PrimaryColumn({ type: 'varchar', length: 20, primaryKeyConstraintName: 'platform_activity_days_pkey' })
  kind!: ActivityKind;

  @Column({ type: 'integer' })
  count!: number;
}
