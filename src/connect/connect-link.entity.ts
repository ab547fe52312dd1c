import { Column, Entity, ForeignKey, Index, PrimaryGeneratedColumn, Unique } from 'typeorm';

/** A link that nobody has connected with. The connection that comes of it deletes it. */
@Entity('connect_links')
@Unique('connect_links_token_hash_key', ['tokenHash'])
@Index('connect_links_user_id_idx', ['userId'])
@Index('connect_links_platform_id_idx', ['platformId'])
@Index('connect_links_expires_at_idx', ['expiresAt'])
export class ConnectLink {
  @PrimaryGeneratedColumn('identity', {
    generatedIdentity: 'BY DEFAULT',
    primaryKeyConstraintName: 'connect_links_pkey',
  })
  id!: number;

  /** SHA-256 of the secret in the link. */
  @Column({ name: 'token_hash', type: 'bytea' })
  tokenHash!: Buffer;

  /** Who made it, and gets the connection. Named as a string, because a feature must not import another feature's entity. */
  @ForeignKey('User', { name: 'connect_links_user_id_fkey', onDelete: 'CASCADE' })
  @Column({ name: 'user_id', type: 'integer' })
  userId!: number;

  @Column({ name: 'external_user_id', type: 'varchar', length: 200 })
  externalUserId!: string;

  @Column({ name: 'application_name', type: 'varchar', length: 60, nullable: true })
  applicationName!: string | null;

  @Column({ name: 'return_to', type: 'varchar', length: 500, nullable: true })
  returnTo!: string | null;

  /** The connection that gets a new token; null for a new connection. */
  @ForeignKey('PlatformConnection', { name: 'connect_links_platform_id_fkey', onDelete: 'CASCADE' })
  @Column({ name: 'platform_id', type: 'integer', nullable: true })
  platformId!: number | null;

  /** SHA-256 of the cookie of the browser that began with it, which alone can go on. */
  @Column({ name: 'browser_hash', type: 'bytea', nullable: true })
  browserHash!: Buffer | null;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;
}
