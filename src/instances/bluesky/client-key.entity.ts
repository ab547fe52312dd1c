import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** The key by which this application authenticates to servers of the AT Protocol. See ClientKey. */
@Entity('bluesky_client_key')
@Check('bluesky_client_key_one_row', 'id = 1')
export class BlueskyClientKey {
  @PrimaryColumn({ type: 'smallint', default: 1, primaryKeyConstraintName: 'bluesky_client_key_pkey' })
  id!: number;

  /** Fernet token of the private JWK, which has its key id in it. */
  @Column({ name: 'private_key', type: 'text' })
  privateKey!: string;

  /** Id of the key that encrypted it. */
  @Column({ name: 'key_id', type: 'varchar', length: 32 })
  keyId!: string;
}
