import { Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import type { ActivityKind } from './activity.entity.js';

/** Number of activities, maintained by triggers, so statistics cost the same however many activities a platform has. */
@Entity('platform_activity_totals')
export class PlatformActivityTotal {
  @ForeignKey('PlatformConnection', {
    name: 'platform_activity_totals_platform_id_fkey',
    onDelete: 'CASCADE',
  })
  @PrimaryColumn({
    name: 'platform_id',
    type: 'integer',
    primaryKeyConstraintName: 'platform_activity_totals_pkey',
  })
  platformId!: number;

  @PrimaryColumn({ type: 'varchar', length: 20, primaryKeyConstraintName: 'platform_activity_totals_pkey' })
  kind!: ActivityKind;

  @PrimaryColumn({ type: 'varchar', length: 50, primaryKeyConstraintName: 'platform_activity_totals_pkey' })
  status!: string;

  @Column({ type: 'integer' })
  count!: number;
}
