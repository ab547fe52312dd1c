import { Column, Entity, ForeignKey, Index, PrimaryGeneratedColumn, Unique } from 'typeorm';

@Entity('passkeys')
@Unique('passkeys_credential_id_key', ['credentialId'])
@Index('passkeys_user_id_idx', ['userId'])
export class Passkey {
  @PrimaryGeneratedColumn('identity', {
    generatedIdentity: 'BY DEFAULT',
    primaryKeyConstraintName: 'passkeys_pkey',
  })
  id!: number;

  @ForeignKey('User', { name: 'passkeys_user_id_fkey', onDelete: 'CASCADE' })
  @Column({ name: 'user_id', type: 'integer' })
  userId!: number;

  /** base64url, as browsers send it. */
  @Column({ name: 'credential_id', type: 'text' })
  credentialId!: string;

  /** COSE key. */
  @Column({ name: 'public_key', type: 'bytea' })
  publicKey!: Buffer;

  /** Of its uses, as the device counts them; 0 if it does not. */
  @Column({ type: 'bigint' })
  counter!: string;

  /** How browsers reach it, such as `usb` or `internal`. */
  @Column({ type: 'text', array: true })
  transports!: string[];

  /** For people. */
  @Column({ type: 'varchar', length: 60 })
  name!: string;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ name: 'last_used_at', type: 'timestamptz', nullable: true })
  lastUsedAt!: Date | null;
}
