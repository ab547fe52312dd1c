import { Column, Entity, PrimaryColumn } from 'typeorm';

/** How far the last rotation of one kind of secrets is. See RotationRecord. */
@Entity('key_rotations')
export class KeyRotationRecord {
  @PrimaryColumn({ type: 'varchar', length: 60, primaryKeyConstraintName: 'key_rotations_pkey' })
  what!: string;

  /** Id of the key that it brings them under. */
  @Column({ name: 'key_id', type: 'varchar', length: 32 })
  keyId!: string;

  @Column({ type: 'integer' })
  total!: number;

  @Column({ type: 'integer', default: 0 })
  done!: number;
}
