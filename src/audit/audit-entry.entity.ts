import { Check, Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';
import { AUDIT_ACTIONS, AUDIT_OUTCOMES, type AuditAction, type AuditOutcome } from './audit-actions.js';

const sqlList = (values: readonly string[]): string => values.map((value) => `'${value}'`).join(', ');

/** Who did what to which connection, why and from where. No foreign keys: the trail outlives users and connections. */
@Entity('audit_log')
@Index('audit_log_platform_idx', ['platformId', 'id'])
@Check('audit_log_action_known', `action IN (${sqlList(AUDIT_ACTIONS)})`)
@Check('audit_log_outcome_known', `outcome IN (${sqlList(AUDIT_OUTCOMES)})`)
export class AuditEntry {
  /** A string: node-postgres returns bigint as text. */
  @PrimaryGeneratedColumn('identity', {
    type: 'bigint',
    generatedIdentity: 'BY DEFAULT',
    primaryKeyConstraintName: 'audit_log_pkey',
  })
  id!: string;

  @Column({ type: 'timestamptz', default: () => 'clock_timestamp()' })
  at!: Date;

  @Column({ type: 'varchar', length: 40 })
  action!: AuditAction;

  @Column({ type: 'varchar', length: 40 })
  outcome!: AuditOutcome;

  /** The user who made the request. Always the owner: nobody else is allowed to. */
  @Column({ name: 'user_id', type: 'integer' })
  userId!: number;

  /** Null for the user's own session. */
  @Column({ name: 'api_key_id', type: 'integer', nullable: true })
  apiKeyId!: number | null;

  @Column({ name: 'platform_id', type: 'integer' })
  platformId!: number;

  @Column({ type: 'varchar', length: 200 })
  reason!: string;

  /** Text, not inet: behind a trusted proxy this is whatever the proxy wrote. */
  @Column({ type: 'varchar', length: 64 })
  address!: string;

  @Column({ name: 'request_id', type: 'varchar', length: 64 })
  requestId!: string;
}
