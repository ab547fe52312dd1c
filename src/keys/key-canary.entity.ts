import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** One fixed text, encrypted. See BootCanary. */
@Entity('key_canary')
@Check('key_canary_one_row', 'id = 1')
export class KeyCanary {
  @PrimaryColumn({ type: 'smallint', default: 1, primaryKeyConstraintName: 'key_canary_pkey' })
  id!: number;

  /** Fernet token. */
  @Column({ type: 'text' })
  token!: string;

  /** Id of the key that encrypted it. */
  @Column({ name: 'key_id', type: 'varchar', length: 32 })
  keyId!: string;
}
