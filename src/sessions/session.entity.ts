import { Column, Entity, ForeignKey, Index, PrimaryGeneratedColumn, Unique } from 'typeorm';

/** A sign-in and all exchanges of its refresh tokens. */
@Entity('sessions')
@Unique('sessions_family_id_key', ['familyId'])
@Index('sessions_user_id_idx', ['userId'])
@Index('sessions_expires_at_idx', ['expiresAt'])
export class Session {
  @PrimaryGeneratedColumn('identity', {
    generatedIdentity: 'BY DEFAULT',
    primaryKeyConstraintName: 'sessions_pkey',
  })
  id!: number;

  // By name, because a feature does not import another feature's entity.
  @ForeignKey('User', { name: 'sessions_user_id_fkey', onDelete: 'CASCADE' })
  @Column({ name: 'user_id', type: 'integer' })
  userId!: number;

  /** Of its refresh tokens. */
  @Column({ name: 'family_id', type: 'uuid' })
  familyId!: string;

  /** For people, such as "Firefox on Windows". Empty if unknown. */
  @Column({ type: 'varchar', length: 60 })
  device!: string;

  /** Text, not inet: behind a trusted proxy this is whatever the proxy wrote. */
  @Column({ type: 'varchar', length: 64 })
  address!: string;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  /** When it last exchanged its refresh token. */
  @Column({ name: 'last_seen_at', type: 'timestamptz', default: () => 'now()' })
  lastSeenAt!: Date;

  /** When the person last proved who they are: by signing in, or by the password given again. */
  @Column({ name: 'confirmed_at', type: 'timestamptz', default: () => 'now()' })
  confirmedAt!: Date;

  /** With its newest refresh token. */
  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;

  @Column({ name: 'ended_at', type: 'timestamptz', nullable: true })
  endedAt!: Date | null;
}
