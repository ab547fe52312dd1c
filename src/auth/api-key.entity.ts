import { Column, Entity, ForeignKey, Index, PrimaryGeneratedColumn, Unique } from 'typeorm';
import type { Scope } from '../http/auth/auth-user.js';
import type { ProxyMethod } from '../http/auth/key-policy.js';

/** What a program signs in with. The key itself is not kept; see api-key-format.ts. */
@Entity('api_keys')
@Unique('api_keys_lookup_key', ['lookup'])
@Index('api_keys_user_id_idx', ['userId'])
export class ApiKey {
  @PrimaryGeneratedColumn('identity', {
    generatedIdentity: 'BY DEFAULT',
    primaryKeyConstraintName: 'api_keys_pkey',
  })
  id!: number;

  // By name: the entity of another feature is not imported.
  @ForeignKey('User', { name: 'api_keys_user_id_fkey', onDelete: 'CASCADE' })
  @Column({ name: 'user_id', type: 'integer' })
  userId!: number;

  @Column({ type: 'varchar', length: 100 })
  name!: string;

  /** The public part of the key, by which the row is found. */
  @Column({ type: 'varchar', length: 8 })
  lookup!: string;

  /** SHA-256 of the whole key. */
  @Column({ name: 'key_hash', type: 'bytea' })
  keyHash!: Buffer;

  @Column({ type: 'text', array: true })
  scopes!: Scope[];

  /** Null: not limited to platform connections. Ids of deleted ones stay. */
  @Column({ name: 'platform_ids', type: 'integer', array: true, nullable: true })
  platformIds!: number[] | null;

  /** Null: not limited to addresses. */
  @Column({ type: 'cidr', array: true, nullable: true })
  addresses!: string[] | null;

  /** What it may send through the proxy. Null: GET and HEAD. */
  @Column({ type: 'text', array: true, nullable: true })
  methods!: ProxyMethod[] | null;

  /** Null: any. */
  @Column({ type: 'text', array: true, nullable: true })
  paths!: string[] | null;

  /** Requests through the proxy. */
  @Column({ name: 'per_minute', type: 'integer', nullable: true })
  perMinute!: number | null;

  @Column({ name: 'expires_at', type: 'timestamptz', nullable: true })
  expiresAt!: Date | null;

  /** Written in batches; see ApiKeyUsage. */
  @Column({ name: 'last_used_at', type: 'timestamptz', nullable: true })
  lastUsedAt!: Date | null;

  /** When it read credentials for the first time. */
  @Column({ name: 'first_reveal_at', type: 'timestamptz', nullable: true })
  firstRevealAt!: Date | null;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ name: 'revoked_at', type: 'timestamptz', nullable: true })
  revokedAt!: Date | null;
}
