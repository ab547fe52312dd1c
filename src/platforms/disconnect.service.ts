import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { CredentialCipher } from '../credentials/credential-cipher.js';
import { Database } from '../database/database.js';
import { BlueskyOAuth } from '../instances/bluesky/bluesky-oauth.js';
import { type BlueskySession, readBinding } from '../instances/bluesky/bluesky-session.js';
import { InstanceApps, type RegisteredApp } from '../instances/instance-apps.js';
import { InstanceRefused } from '../instances/instances.errors.js';
import { InstancesService } from '../instances/instances.service.js';
import { MiAuth } from '../instances/miauth.js';
import { OAuthClient } from '../instances/oauth-client.js';
import { OAuthFailed, RevocationRefused } from '../instances/oauth.errors.js';
import type { CachedPlatform } from './platform-cache.js';
import { PlatformWriter } from './platform-writer.js';
import { PlatformRepository } from './platform.repository.js';

/** Short: the caller waits, although a late answer changes nothing for them. */
const LOOKUP_TIMEOUT_MS = 5000;
const REVOKE_TIMEOUT_MS = 5000;

/** An access token, and the app that it was issued to; null at Misskey, whose tokens belong to none. */
interface IssuedToken {
  readonly instanceUrl: string;
  readonly app: RegisteredApp | null;
  readonly accessToken: string;
}

/** Revokes one token at its instance. */
type Revocation = () => Promise<void>;

/** Deletes a connection and revokes its token at the instance where that harms no other user. */
@Injectable()
export class DisconnectService {
  readonly #logger = new Logger('Disconnect');

  constructor(
    private readonly database: Database,
    private readonly repository: PlatformRepository,
    private readonly writer: PlatformWriter,
    private readonly cipher: CredentialCipher,
    private readonly instances: InstancesService,
    private readonly apps: InstanceApps,
    private readonly oauth: OAuthClient,
    private readonly miAuth: MiAuth,
    private readonly bluesky: BlueskyOAuth,
  ) {}

  /** @throws {PlatformNotFound} only. Trouble with the instance is logged: the token is deleted here in any case. */
  async removeAndRevoke(userId: number, id: number): Promise<void> {
    const platform = await this.database.load(() => this.repository.find(id));
    // Before the removal: if this look-up failed afterwards, the answer to a removal that succeeded would be 503.
    const revocation = platform?.view.userId === userId ? await this.revocationOf(platform) : null;
    // Even if it is gone: this may be the retry of a request whose invalidations are still pending.
    await this.writer.remove(userId, id);
    if (revocation !== null) await this.attempt(revocation);
  }

  private async attempt(revocation: Revocation): Promise<void> {
    try {
      await revocation();
    } catch (error) {
      if (!(
        error instanceof InstanceRefused ||
        error instanceof OAuthFailed ||
        error instanceof RevocationRefused
      ))
        throw error;
      this.#logger.warn(`A token could not be revoked: ${error.message}`);
    }
  }

  private async revocationOf(platform: CachedPlatform): Promise<Revocation | null> {
    if (platform.view.platformType === 'bluesky') {
      const session = this.sessionOf(platform);
      return session && (() => this.endInTime(session));
    }
    const issued = await this.issuedTo(platform);
    return issued && (() => this.revoke(issued));
  }

  private async revoke({ instanceUrl, app, accessToken }: IssuedToken): Promise<void> {
    if (app === null) return this.miAuth.revoke(instanceUrl, accessToken, REVOKE_TIMEOUT_MS);
    if (!(await this.isSafeAt(instanceUrl))) return;
    await this.oauth.revoke(instanceUrl, app, accessToken, REVOKE_TIMEOUT_MS);
  }

  private sessionOf({ view, credentials }: CachedPlatform): BlueskySession | null {
    const opened = this.cipher.decrypt(view, credentials);
    const binding = opened && readBinding(opened.clientSecret);
    if (opened === null || binding === null) return null;
    return { issuer: view.instanceUrl, accessToken: opened.accessToken, refreshToken: null, binding };
  }

  /** A session that ends later than the caller waits for is logged as one that does not end. */
  private async endInTime(session: BlueskySession): Promise<void> {
    const late = sleep(REVOKE_TIMEOUT_MS, 'late', { ref: false });
    const ended = this.bluesky.revoke(session);
    ended.catch(() => undefined);
    if ((await Promise.race([ended, late])) === 'late') throw new OAuthFailed('instance_unreachable');
  }

  /**
   * Instances accept a revocation only from the app that the token was issued to: one that the user typed, or this
   * application's registration.
   */
  private async issuedTo({ view, credentials }: CachedPlatform): Promise<IssuedToken | null> {
    const { instanceUrl } = view;
    const opened = this.cipher.decrypt(view, credentials);
    if (opened === null) return null;
    const { accessToken, clientKey: clientId, clientSecret } = opened;
    if (clientId === null)
      return view.platformType === 'misskey' ? { instanceUrl, app: null, accessToken } : null;
    const app =
      clientSecret === null ? await this.apps.find(instanceUrl, clientId) : { clientId, clientSecret };
    return app && { instanceUrl, app, accessToken };
  }

  /**
   * Decided by the software that runs there: the connection's type is what its user typed. Unknown in time means unsafe.
   *
   * @throws {InstanceRefused}
   */
  private async isSafeAt(instanceUrl: string): Promise<boolean> {
    const late = sleep(LOOKUP_TIMEOUT_MS, null, { ref: false });
    const found = await Promise.race([this.instances.at(instanceUrl), late]);
    return found !== null && this.instances.traits(found)?.revocable === true;
  }
}
