import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { CredentialCipher, type Credentials } from '../credentials/credential-cipher.js';
import { UndecryptableSecret } from '../crypto/key-ring.js';
import { Database } from '../database/database.js';
import { InstanceRefused } from '../instances/instances.errors.js';
import { InstancesService } from '../instances/instances.service.js';
import { OAuthClient } from '../instances/oauth-client.js';
import { OAuthFailed } from '../instances/oauth.errors.js';
import { isRevocable } from '../instances/software.js';
import type { CachedPlatform } from './platform-cache.js';
import { PlatformWriter } from './platform-writer.js';
import { PlatformRepository } from './platform.repository.js';

/** The caller waits for each, and has nothing to gain. */
const LOOKUP_TIMEOUT_MS = 5000;
const REVOKE_TIMEOUT_MS = 5000;

/** Forgets a connection, and tells its instance where that harms nobody else. */
@Injectable()
export class DisconnectService {
  readonly #logger = new Logger('Disconnect');

  constructor(
    private readonly database: Database,
    private readonly repository: PlatformRepository,
    private readonly writer: PlatformWriter,
    private readonly cipher: CredentialCipher,
    private readonly instances: InstancesService,
    private readonly oauth: OAuthClient,
  ) {}

  /** @throws {PlatformNotFound} and nothing about the instance: the token is forgotten here in any case. */
  async removeAndRevoke(userId: number, id: number): Promise<void> {
    const platform = await this.database.load(() => this.repository.find(id));
    // Also when it is gone: then this may be the repetition of a request whose invalidations are still to be made good.
    await this.writer.remove(userId, id);
    if (platform?.view.userId === userId) await this.revoke(platform);
  }

  private async revoke({ view, credentials }: CachedPlatform): Promise<void> {
    try {
      const opened: Credentials | null = this.cipher.decrypt(view, credentials);
      // Instances take a revocation from the application that the token was issued to, and from nobody else.
      if (opened === null || opened.clientKey === null || opened.clientSecret === null) return;
      if (!(await this.isSafeAt(view.instanceUrl))) return;
      const app = { clientId: opened.clientKey, clientSecret: opened.clientSecret };
      await this.oauth.revoke(view.instanceUrl, app, opened.accessToken, REVOKE_TIMEOUT_MS);
    } catch (error) {
      const expected = [InstanceRefused, OAuthFailed, UndecryptableSecret];
      if (!(error instanceof Error && expected.some((kind) => error instanceof kind))) throw error;
      this.#logger.warn(`A token could not be revoked: ${error.message}`);
    }
  }

  /**
   * By what runs there: the type of a connection is what its user typed. What is not known in time is not safe.
   *
   * @throws {InstanceRefused}
   */
  private async isSafeAt(instanceUrl: string): Promise<boolean> {
    const late = sleep(LOOKUP_TIMEOUT_MS, null, { ref: false });
    const found = await Promise.race([this.instances.at(instanceUrl), late]);
    return found !== null && found.platformType !== null && isRevocable(found.platformType);
  }
}
