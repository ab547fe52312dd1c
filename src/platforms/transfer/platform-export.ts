import { Injectable } from '@nestjs/common';
import { MoreThan } from 'typeorm';
import { CredentialCipher, type Credentials } from '../../credentials/credential-cipher.js';
import { Database } from '../../database/database.js';
import { PlatformConnection } from '../platform.entity.js';
import { sealedOf } from '../platform.repository.js';

export type ExportedConnection = Pick<
  PlatformConnection,
  | 'id'
  | 'userId'
  | 'name'
  | 'platformType'
  | 'instanceUrl'
  | 'username'
  | 'isActive'
  | 'isDefault'
  | 'labels'
  | 'externalId'
> & {
  /** Null when the seal is broken or no key decrypts them. */
  readonly credentials: Credentials | null;
};

/** Connections with their credentials in plain text. The caller leaves an entry in the audit trail before it gives them out. */
@Injectable()
export class PlatformExport {
  constructor(
    private readonly database: Database,
    private readonly cipher: CredentialCipher,
  ) {}

  count(): Promise<number> {
    return this.database.load((manager) => manager.count(PlatformConnection));
  }

  /** The connections after an id, in the order of their ids; of one user only, if one is given. */
  async page(afterId: number, limit: number, userId?: number): Promise<ExportedConnection[]> {
    const where = { id: MoreThan(afterId), ...(userId !== undefined && { userId }) };
    const rows = await this.database.load((manager) =>
      manager.find(PlatformConnection, { where, order: { id: 'ASC' }, take: limit }),
    );
    return rows.map((row) => {
      const { id, userId, name, platformType, instanceUrl, username, isActive, isDefault } = row;
      const { labels, externalId } = row;
      const account = { id, userId, name, platformType, instanceUrl, username };
      const credentials = this.cipher.decrypt(row, sealedOf(row));
      return { ...account, isActive, isDefault, labels, externalId, credentials };
    });
  }
}
