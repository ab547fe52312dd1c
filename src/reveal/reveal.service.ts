import { Injectable } from '@nestjs/common';
import { AuditLog } from '../audit/audit-log.js';
import type { CacheRead } from '../cache/cache-read.js';
import { AppConfig } from '../config/app-config.js';
import {
  CredentialCipher,
  type Credentials,
  type CredentialsOwner,
} from '../credentials/credential-cipher.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { FirstReveals } from '../notices/first-reveals.js';
import { LastUsed } from '../platforms/last-used.js';
import type { CachedPlatform } from '../platforms/platform-cache.js';
import type { PlatformView } from '../platforms/platform-view.js';
import {
  NeedsReconnect,
  PlatformInactive,
  PlatformNotFound,
  REVEAL_OF_INACTIVE,
} from '../platforms/platforms.errors.js';
import { PlatformsService } from '../platforms/platforms.service.js';
import { RevealDisabled } from './reveal.errors.js';

/** Who asks for the credentials of which connection, and why. */
interface RevealRequest {
  readonly user: AuthUser;
  readonly platformId: number;
  readonly reason: string;
}

/** With the host and the account that they are for, as the seal has them: nobody needs to take these from elsewhere. */
interface RevealedCredentials extends Credentials, Pick<CredentialsOwner, 'instanceUrl' | 'username'> {
  /** Only if the access token is of no use by itself. */
  readonly tokenType?: 'DPoP';
  readonly notice?: string;
}

interface Reveal {
  /** How the connection was read. */
  readonly read: CacheRead<CachedPlatform | null>;
  readonly result:
    RevealedCredentials | PlatformNotFound | RevealDisabled | PlatformInactive | NeedsReconnect;
}

/** Reveals credentials, and never without an audit entry. */
@Injectable()
export class RevealService {
  constructor(
    private readonly platforms: PlatformsService,
    private readonly cipher: CredentialCipher,
    private readonly audit: AuditLog,
    private readonly firstReveals: FirstReveals,
    private readonly lastUsed: LastUsed,
    private readonly config: AppConfig,
  ) {}

  /**
   * With a warm cache, the audit row is the only SQL statement, but for an API key that this process has not seen reveal. Refusals are audited too.
   *
   * @throws {ServiceUnavailable} when the audit row cannot be committed.
   */
  async reveal(request: RevealRequest): Promise<Reveal> {
    const { user, platformId } = request;
    const read = await this.platforms.find(platformId);
    const platform = read.value;
    if (platform === null || platform.view.userId !== user.id)
      return { read, result: new PlatformNotFound() };

    if (!this.config.revealEnabled) {
      await this.record(request, 'reveal_disabled');
      return { read, result: new RevealDisabled() };
    }
    if (!platform.view.isActive) {
      await this.record(request, 'platform_inactive');
      return { read, result: new PlatformInactive(REVEAL_OF_INACTIVE) };
    }
    const credentials = this.cipher.decrypt(platform.view, platform.credentials);
    if (credentials === null) {
      await this.record(request, 'needs_reconnect');
      return { read, result: new NeedsReconnect() };
    }
    await this.firstReveals.note(user.id, user.apiKeyId, platform.view.name);
    // Committed before the secret leaves the process: if the process dies here, the trail has one entry too many, never one
    // too few.
    await this.record(request, 'revealed');
    this.lastUsed.note(platformId);
    return { read, result: revealed(platform.view, credentials) };
  }

  private record(
    { platformId, reason }: RevealRequest,
    outcome: 'revealed' | 'reveal_disabled' | 'needs_reconnect' | 'platform_inactive',
  ): Promise<void> {
    return this.audit.write({ action: 'credentials.reveal', outcome, platformId, reason });
  }
}

function revealed(
  { id, platformType, instanceUrl, username }: PlatformView,
  credentials: Credentials,
): RevealedCredentials {
  if (platformType !== 'bluesky') return { ...credentials, instanceUrl, username };
  // Its client secret is the private key. It stays here: with it, a copy of the token would be as good as the session.
  const notice =
    'This token works only with proofs by a private key that stays here (DPoP, RFC 9449). ' +
    `Send requests through /v1/platforms/${id}/proxy/ instead.`;
  return { ...credentials, clientSecret: null, instanceUrl, username, tokenType: 'DPoP', notice };
}
