import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** Who may be visited when. While somebody is there, `retryAt` is the end of the lease. */
@Entity('instance_watch')
export class InstanceWatch {
  @PrimaryColumn({
    name: 'instance_url',
    type: 'varchar',
    length: 500,
    primaryKeyConstraintName: 'instance_watch_pkey',
  })
  instanceUrl!: string;

  /** Visits in a row that found nobody. */
  @Column({ type: 'integer', default: 0 })
  failures!: number;

  @Index('instance_watch_retry_at_idx')
  @Column({ name: 'retry_at', type: 'timestamptz' })
  retryAt!: Date;
}
