import { Check, Column, Entity, ForeignKey, Index, PrimaryGeneratedColumn, Unique } from 'typeorm';
import type { Labels } from './labels.js';
import { PLATFORM_TYPES, type PlatformStatus, type PlatformType } from './platform-view.js';

const types = PLATFORM_TYPES.map((type) => `'${type}'`).join(', ');

/** A person's connection to one account on one Fediverse server. The constraints are the database's; see migrations. */
@Entity('platform_connections')
@Unique('platform_connections_name_key', ['userId', 'name'])
@Unique('platform_connections_account_key', ['userId', 'instanceUrl', 'username'])
@Unique('platform_connections_external_id_key', ['userId', 'externalId'])
@Index('platform_connections_one_default_idx', ['userId'], { unique: true, where: 'is_default' })
@Index('platform_connections_status_idx', ['status', 'id'])
@Index('platform_connections_type_idx', ['platformType', 'id'])
@Index('platform_connections_type_status_idx', ['platformType', 'status', 'id'])
@Index('platform_connections_search_idx', { synchronize: false })
@Index('platform_connections_labels_idx', { synchronize: false })
@Index('platform_connections_instance_idx', ['instanceUrl'], { where: 'is_active' })
@Index('platform_connections_inactive_idx', ['id'], { where: 'NOT is_active' })
@Index('platform_connections_expiry_idx', ['tokenExpiresAt'], { where: 'token_expires_at IS NOT NULL' })
@Check('platform_connections_type_known', `platform_type IN (${types})`)
@Check('platform_connections_labels_object', `jsonb_typeof(labels) = 'object'`)
@Check('platform_connections_default_is_active', 'is_active OR NOT is_default')
export class PlatformConnection {
  @PrimaryGeneratedColumn('identity', {
    type: 'integer',
    generatedIdentity: 'BY DEFAULT',
    primaryKeyConstraintName: 'platform_connections_pkey',
  })
  id!: number;

  // By name, because a feature does not import another feature's entity.
  @ForeignKey('User', { name: 'platform_connections_user_id_fkey', onDelete: 'CASCADE' })
  @Column({ name: 'user_id', type: 'integer' })
  userId!: number;

  @Column({ type: 'varchar', length: 100 })
  name!: string;

  @Column({ name: 'platform_type', type: 'varchar', length: 20 })
  platformType!: PlatformType;

  /** A label from the instance's nodeinfo, as is the next. Null until a check or a connection by OAuth has read it. */
  @Column({ type: 'varchar', length: 50, nullable: true })
  software!: string | null;

  @Column({ name: 'software_version', type: 'varchar', length: 100, nullable: true })
  softwareVersion!: string | null;

  @Column({ name: 'instance_url', type: 'varchar', length: 500 })
  instanceUrl!: string;

  @Column({ type: 'varchar', length: 200, nullable: true })
  username!: string | null;

  /** Fernet token, as are the next two. */
  @Column({ name: 'access_token', type: 'text' })
  accessToken!: string;

  @Column({ name: 'client_key', type: 'text', nullable: true })
  clientKey!: string | null;

  @Column({ name: 'client_secret', type: 'text', nullable: true })
  clientSecret!: string | null;

  /** Id of the key that encrypted and sealed this row. */
  @Index('platform_connections_key_id_idx')
  @Column({ name: 'key_id', type: 'varchar', length: 32 })
  keyId!: string;

  @Column({ type: 'text', nullable: true })
  seal!: string | null;

  @Column({ name: 'is_active', type: 'boolean', default: true })
  isActive!: boolean;

  @Column({ name: 'is_default', type: 'boolean', default: false })
  isDefault!: boolean;

  @Column({ type: 'varchar', length: 32, default: 'unchecked' })
  status!: PlatformStatus;

  @Column({ name: 'last_checked_at', type: 'timestamptz', nullable: true })
  lastCheckedAt!: Date | null;

  @Column({ name: 'last_error', type: 'text', nullable: true })
  lastError!: string | null;

  @Column({ name: 'token_expires_at', type: 'timestamptz', nullable: true })
  tokenExpiresAt!: Date | null;

  /** The account's id at its instance, known after a check or a connection by OAuth. */
  @Column({ name: 'account_id', type: 'varchar', length: 100, nullable: true })
  accountId!: string | null;

  /** Address of the account's picture as its instance gives it. It can be anything on the web. */
  @Column({ name: 'avatar_url', type: 'varchar', length: 2048, nullable: true })
  avatarUrl!: string | null;

  /** Fernet token over the refresh token and the row that it belongs to; see RefreshTokenCipher. */
  @Column({ name: 'refresh_token', type: 'text', nullable: true })
  refreshToken!: string | null;

  /** The caller's own, as is the next. */
  @Column({ type: 'jsonb', default: {} })
  labels!: Labels;

  @Column({ name: 'external_id', type: 'varchar', length: 200, nullable: true })
  externalId!: string | null;

  @Column({ name: 'last_used', type: 'timestamptz', nullable: true })
  lastUsed!: Date | null;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  /** A trigger maintains this and the version. */
  @Column({ name: 'updated_at', type: 'timestamptz', default: () => 'now()', update: false })
  updatedAt!: Date;

  @Column({ type: 'integer', default: 1, update: false })
  version!: number;
}
