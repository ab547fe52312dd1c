import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** Where the audit trail ends, and the key of its MACs. */
@Entity('audit_chain')
@Check('audit_chain_one_row', 'id = 1')
export class AuditChainHead {
  @PrimaryColumn({ type: 'smallint', default: 1, primaryKeyConstraintName: 'audit_chain_pkey' })
  id!: number;

  @Column({ name: 'last_id', type: 'bigint' })
  lastId!: string;

  @Column({ name: 'last_mac', type: 'varchar', length: 43 })
  lastMac!: string;

  /** MAC over both. */
  @Column({ type: 'varchar', length: 43 })
  seal!: string;

  /** The key of the MACs, as a Fernet token. It stays the same when the key ring is rotated. */
  @Column({ type: 'text' })
  token!: string;

  /** Id of the key that encrypted it. */
  @Column({ name: 'key_id', type: 'varchar', length: 32 })
  keyId!: string;
}
