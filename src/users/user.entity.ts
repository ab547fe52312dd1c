import { Check, Column, Entity, Index, PrimaryGeneratedColumn, Unique } from 'typeorm';
import type { Role } from '../http/auth/auth-user.js';

@Entity('users')
// Descending, nulls last: TypeORM cannot express that, so the migration creates the index.
@Index('users_last_active_at_idx', { synchronize: false })
// With a trigram operator class: TypeORM cannot express that either.
@Index('users_email_search_idx', { synchronize: false })
@Index('users_admins_idx', ['id'], { where: `role = 'admin'` })
@Index('users_leaves_at_idx', ['leavesAt'], { where: 'leaves_at IS NOT NULL' })
@Index('users_disabled_idx', ['id'], { where: 'disabled_at IS NOT NULL' })
@Unique('users_email_key', ['email'])
@Check('users_email_lower', `email = lower(email)`)
@Unique('users_oidc_subject_key', ['oidcIssuer', 'oidcSubject'])
@Check('users_oidc_whole', '(oidc_issuer IS NULL) = (oidc_subject IS NULL)')
@Check('users_role_known', `role IN ('user', 'admin')`)
export class User {
  @PrimaryGeneratedColumn('identity', {
    generatedIdentity: 'BY DEFAULT',
    primaryKeyConstraintName: 'users_pkey',
  })
  id!: number;

  @Column({ type: 'varchar', length: 320 })
  email!: string;

  @Column({ name: 'password_hash', type: 'text', nullable: true })
  passwordHash!: string | null;

  @Column({ type: 'varchar', length: 20, default: 'user' })
  role!: Role;

  /** With `oidcSubject`, the user's identity at the OpenID provider. Null for a local account. */
  @Column({ name: 'oidc_issuer', type: 'varchar', length: 500, nullable: true })
  oidcIssuer!: string | null;

  @Column({ name: 'oidc_subject', type: 'varchar', length: 255, nullable: true })
  oidcSubject!: string | null;

  @Column({ name: 'last_active_at', type: 'timestamptz', nullable: true })
  lastActiveAt!: Date | null;

  /** A disabled user can neither sign in nor use a token or an API key. */
  @Column({ name: 'disabled_at', type: 'timestamptz', nullable: true })
  disabledAt!: Date | null;

  /** When somebody opened a link that had been sent to `email`. Null until then, and for accounts from before there was mail. */
  @Column({ name: 'email_verified_at', type: 'timestamptz', nullable: true })
  emailVerifiedAt!: Date | null;

  /** When the account of a person who is leaving is deleted. Until then they are disabled too, and may come back. */
  @Column({ name: 'leaves_at', type: 'timestamptz', nullable: true })
  leavesAt!: Date | null;

  /** The notices by mail that the person does not want. */
  @Column({ name: 'notices_off', type: 'varchar', length: 30, array: true, default: () => `'{}'` })
  noticesOff!: string[];

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;
}
