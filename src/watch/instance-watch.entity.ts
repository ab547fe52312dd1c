import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** When each instance may be visited next. During a visit, `retryAt` is the end of its lease. */
@Entity('instance_watch')
export class InstanceWatch {
  @PrimaryColumn({
    name: 'instance_url',
    type: 'varchar',
    length: 500,
    primaryKeyConstraintName: 'instance_watch_pkey',
  })
  instanceUrl!: string;

  /** Consecutive visits that got no usable response. */
  @Column({ type: 'integer', default: 0 })
  failures!: number;

  /** Since when its name does not exist in DNS; null while it does. */
  @Column({ name: 'vanished_at', type: 'timestamptz', nullable: true })
  vanishedAt!: Date | null;

  @Index('instance_watch_retry_at_idx')
  @Column({ name: 'retry_at', type: 'timestamptz' })
  retryAt!: Date;
}
