import { Check, Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';

export const ACTIVITY_KINDS = ['post', 'image', 'processing_run'] as const;
export type ActivityKind = (typeof ACTIVITY_KINDS)[number];

/** One action of a worker on a platform. Its natural key makes reporting it twice harmless. */
@Entity('platform_activities')
@Check('platform_activities_kind_known', `kind IN ('post', 'image', 'processing_run')`)
export class PlatformActivity {
  @ForeignKey('PlatformConnection', { name: 'platform_activities_platform_id_fkey', onDelete: 'CASCADE' })
  @PrimaryColumn({
    name: 'platform_id',
    type: 'integer',
    primaryKeyConstraintName: 'platform_activities_pkey',
  })
  platformId!: number;

  @PrimaryColumn({ type: 'varchar', length: 20, primaryKeyConstraintName: 'platform_activities_pkey' })
  kind!: ActivityKind;

  /** The worker's own id for the activity. */
  @PrimaryColumn({
    name: 'external_id',
    type: 'varchar',
    length: 200,
    primaryKeyConstraintName: 'platform_activities_pkey',
  })
  externalId!: string;

  @Column({ type: 'varchar', length: 50 })
  status!: string;

  @Column({ name: 'occurred_at', type: 'timestamptz' })
  occurredAt!: Date;
}
