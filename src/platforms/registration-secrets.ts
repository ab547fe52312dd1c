import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { CredentialCipher, type CredentialsOwner } from '../credentials/credential-cipher.js';
import type { SealedCredentials } from '../credentials/sealed-credentials.js';
import { Database } from '../database/database.js';
import { InstanceApps } from '../instances/instance-apps.js';
import type { Batch, RewrittenBatch } from '../keys/rotatable-secrets.js';
import { PlatformSecrets } from './platform-secrets.js';

const BATCH_ROWS = 100;

/**
 * Connections once held a copy of the secret of this application's registration, which all users of an instance share.
 * Takes it out of them at each start, before anything is served. SQL alone cannot: the columns are encrypted and sealed.
 * The outbox drops the cached entries.
 */
@Injectable()
export class RegistrationSecrets implements OnApplicationBootstrap {
  constructor(
    private readonly apps: InstanceApps,
    private readonly database: Database,
    private readonly cipher: CredentialCipher,
    private readonly secrets: PlatformSecrets,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    // Connections made since then hold no secret, so only the former registrations count.
    const former = await this.apps.former();
    if (former.length === 0) return;
    const copied = new Set(former.map(({ origin, clientId }) => `${origin} ${clientId}`));
    const condition = [
      'client_secret IS NOT NULL AND instance_url = ANY($3::text[])',
      former.map(({ origin }) => origin),
    ] as const;
    const rewrite = (row: CredentialsOwner & SealedCredentials): SealedCredentials | 'later' => {
      const credentials = this.cipher.decrypt(row, row);
      return credentials !== null && copied.has(`${row.instanceUrl} ${credentials.clientKey}`)
        ? this.cipher.encrypt(row, { ...credentials, clientSecret: null })
        : 'later';
    };
    for (const [limit, locked] of [
      [BATCH_ROWS, 'skip'],
      [1, 'wait'],
    ] as const) {
      for (let afterId: number | null = 0; afterId !== null;) {
        const batch: Batch = { afterId, limit };
        const done: RewrittenBatch = await this.database.transaction((manager) =>
          this.secrets.rewriteWhere(manager, batch, condition, rewrite, locked),
        );
        afterId = done.nextAfterId;
      }
    }
  }
}
