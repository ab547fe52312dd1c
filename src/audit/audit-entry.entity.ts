import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { AuditAction, AuditActor } from './audit-actions.js';

/**
 * Who did what, why and from where. No foreign keys: the trail outlives users and connections. The database refuses to
 * change a row; AuditChain makes it evident when somebody has done so nevertheless.
 */
@Entity('audit_log')
@Index('audit_log_platform_idx', ['platformId', 'id'])
@Index('audit_log_user_idx', ['userId', 'id'])
@Index('audit_log_action_idx', ['action', 'id'])
export class AuditEntry {
  /** Without gaps. A string: node-postgres returns bigint as text. */
  @PrimaryColumn({ type: 'bigint', primaryKeyConstraintName: 'audit_log_pkey' })
  id!: string;

  @Column({ type: 'timestamptz', precision: 3 })
  at!: Date;

  @Column({ type: 'varchar', length: 40 })
  action!: AuditAction;

  /** `done`, or what came of it. */
  @Column({ type: 'varchar', length: 40 })
  outcome!: string;

  @Column({ type: 'varchar', length: 20 })
  actor!: AuditActor;

  /** The user who did it; if it was not a user, the one whose account it concerns. Null for neither. */
  @Column({ name: 'user_id', type: 'integer', nullable: true })
  userId!: number | null;

  /** The API key that was used. Null for the user's own session. */
  @Column({ name: 'api_key_id', type: 'integer', nullable: true })
  apiKeyId!: number | null;

  @Column({ name: 'platform_id', type: 'integer', nullable: true })
  platformId!: number | null;

  /** In the user's words. */
  @Column({ type: 'varchar', length: 200 })
  reason!: string;

  /** In ours. */
  @Column({ type: 'varchar', length: 500 })
  detail!: string;

  /** Text, not inet: behind a trusted proxy this is whatever the proxy wrote. */
  @Column({ type: 'varchar', length: 64 })
  address!: string;

  @Column({ name: 'request_id', type: 'varchar', length: 64 })
  requestId!: string;

  /** See AuditChain. Null for rows from before there was a chain. */
  @Column({ type: 'varchar', length: 43, nullable: true })
  mac!: string | null;
}
