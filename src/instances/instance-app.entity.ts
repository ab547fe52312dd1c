import { Column, Entity, PrimaryGeneratedColumn, Unique } from 'typeorm';

/** This application's registration at one instance, for one redirect URI and one set of scopes. */
@Entity('instance_apps')
@Unique('instance_apps_registration_key', ['origin', 'redirectUri', 'scopes'])
export class InstanceApp {
  @PrimaryGeneratedColumn('identity', {
    type: 'integer',
    generatedIdentity: 'BY DEFAULT',
    primaryKeyConstraintName: 'instance_apps_pkey',
  })
  id!: number;

  @Column({ type: 'varchar', length: 500 })
  origin!: string;

  @Column({ name: 'redirect_uri', type: 'varchar', length: 600 })
  redirectUri!: string;

  @Column({ type: 'varchar', length: 200 })
  scopes!: string;

  @Column({ name: 'client_id', type: 'varchar', length: 500 })
  clientId!: string;

  /** Fernet token of origin, client id and secret together, because Fernet does not bind a secret to its row. */
  @Column({ name: 'client_secret', type: 'text' })
  clientSecret!: string;

  /** Id of the key that encrypted the secret. */
  @Column({ name: 'key_id', type: 'varchar', length: 32 })
  keyId!: string;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;
}
