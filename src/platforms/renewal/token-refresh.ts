import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { ServiceUnavailable } from '../../common/domain-error.js';
import { AppConfig } from '../../config/app-config.js';
import { CredentialCipher, type Credentials } from '../../credentials/credential-cipher.js';
import { RefreshTokenCipher } from '../../credentials/refresh-token-cipher.js';
import { Database } from '../../database/database.js';
import { BlueskyOAuth } from '../../instances/bluesky/bluesky-oauth.js';
import { isSpent, readBinding } from '../../instances/bluesky/bluesky-session.js';
import { InstanceApps, type RegisteredApp } from '../../instances/instance-apps.js';
import { OAuthClient } from '../../instances/oauth-client.js';
import { type OAuthFailure, OAuthFailed } from '../../instances/oauth.errors.js';
import type { TokenGrant } from '../../instances/token-reply.js';
import { PlatformWriter } from '../platform-writer.js';
import { PlatformRepository, type PlatformRow, sealedOf } from '../platform.repository.js';
import { RefreshLease } from './refresh-lease.js';

export type RefreshOutcome = 'refreshed' | 'not_due' | 'not_possible' | 'overtaken' | OAuthFailure;

/**
 * The lease covers the exchanges and the time to store the result. An exchange: metadata and token; at Bluesky the
 * identity document, the handle, two documents of metadata, the token, and the token again with a new nonce.
 */
const EXCHANGES = 6;
const STORING_MS = 60_000;
const RETRY_MS = 15 * 60_000;
/** After a refusal by the instance, or if the registration or a credential is missing. Neither is likely to change soon. */
const REFUSED_RETRY_MS = 24 * 3_600_000;
const STORE_ATTEMPTS = 20;
const STORE_RETRY_MS = 1000;
/** How long somebody who needs the token waits for a process that is refreshing it. */
const WAIT_MS = 10_000;
const WAIT_STEP_MS = 100;

/** A refresh that may work the next time: the token has only expired. */
const PASSING = ['instance_unreachable', 'instance_error', 'instance_blocks_programs'] as const;
export type PassingFailure = (typeof PASSING)[number];

export type UsedToken = Pick<PlatformRow, 'id' | 'tokenExpiresAt'>;

/** The connection and the instance for which a token was taken. */
export type TokenOwner = Pick<PlatformRow, 'id' | 'instanceUrl'>;

interface OpenedPlatform {
  readonly row: PlatformRow;
  readonly credentials: Credentials & { readonly clientKey: string };
  readonly refreshToken: string;
}

/** Exchanges each refresh token once. The old access token stays in use until the new one is stored. */
@Injectable()
export class TokenRefresh {
  readonly #logger = new Logger('TokenRefresh');
  readonly #leaseMs: number;

  constructor(
    private readonly database: Database,
    private readonly repository: PlatformRepository,
    private readonly writer: PlatformWriter,
    private readonly cipher: CredentialCipher,
    private readonly refreshTokens: RefreshTokenCipher,
    private readonly apps: InstanceApps,
    private readonly oauth: OAuthClient,
    private readonly bluesky: BlueskyOAuth,
    private readonly lease: RefreshLease,
    private readonly clock: Clock,
    config: AppConfig,
  ) {
    this.#leaseMs = EXCHANGES * config.instanceTimeoutMs + STORING_MS;
  }

  /** Never throws because of an instance's response. */
  async refresh(platformId: number): Promise<RefreshOutcome> {
    if (!(await this.lease.take(platformId, this.#leaseMs))) return 'not_due';
    return this.underLease(platformId, () => this.exchange(platformId));
  }

  /**
   * The same for a token that the instance has refused, although it is not due.
   *
   * @returns `overtaken` if the connection has another token by now, `not_due` while another process is at it.
   */
  async refreshRefused(platform: TokenOwner, refused: string): Promise<RefreshOutcome> {
    const { id: platformId } = platform;
    if (!(await this.lease.takeEarly(platformId, this.#leaseMs))) return 'not_due';
    return this.underLease(platformId, async () =>
      (await this.currentToken(platform)) === refused ? this.exchange(platformId) : 'overtaken',
    );
  }

  /**
   * Refreshes a token that has expired, before it is used, whether or not a refresh has failed shortly before. If another
   * process is at it, waits for that one instead.
   *
   * @returns why the token is still the old one, if that may pass.
   */
  async refreshSpent(token: UsedToken): Promise<PassingFailure | null> {
    const { id, tokenExpiresAt } = token;
    if (!isSpent(tokenExpiresAt, this.clock.now())) return null;
    if (await this.lease.takeInPause(id, this.#leaseMs))
      return passingFailure(await this.underLease(id, () => this.exchange(id, { onlySpent: true })));
    await this.wait(token);
    return null;
  }

  isSpent({ tokenExpiresAt }: UsedToken): boolean {
    return isSpent(tokenExpiresAt, this.clock.now());
  }

  /** If the token has expired and a process is refreshing it, waits for that. */
  async wait({ id, tokenExpiresAt }: UsedToken): Promise<void> {
    if (!isSpent(tokenExpiresAt, this.clock.now())) return;
    for (let waited = 0; waited < WAIT_MS; waited += WAIT_STEP_MS) {
      if (!(await this.lease.isTaken(id))) return;
      await sleep(WAIT_STEP_MS);
    }
  }

  /** As it is in the database. Null if the connection is gone, inactive or at another instance, or its token cannot be opened. */
  async currentToken({ id, instanceUrl }: TokenOwner): Promise<string | null> {
    const row = await this.database.load(() => this.repository.findRow(id));
    if (row === null || !row.isActive || row.instanceUrl !== instanceUrl) return null;
    return this.cipher.decrypt(row, sealedOf(row))?.accessToken ?? null;
  }

  private async underLease(platformId: number, work: () => Promise<RefreshOutcome>): Promise<RefreshOutcome> {
    const outcome = await work();
    // After an error the lease ends by itself: the exchange may have used up the refresh token.
    await this.lease.end(platformId);
    return outcome;
  }

  private async exchange(platformId: number, { onlySpent = false } = {}): Promise<RefreshOutcome> {
    // Read the row under the lease: the previous holder may have stored new tokens.
    const row = await this.database.load(() => this.repository.findRow(platformId));
    if (onlySpent && row !== null && !this.isSpent(row)) return 'overtaken';
    const opened = row === null ? null : this.open(row);
    const exchange = opened && (await this.exchangeOf(opened));
    if (opened === null || exchange === null) {
      await this.lease.pause(platformId, REFUSED_RETRY_MS);
      return 'not_possible';
    }
    try {
      const grant = await exchange();
      return (await this.store(opened, grant)) ? 'refreshed' : 'overtaken';
    } catch (error) {
      if (!(error instanceof OAuthFailed)) throw error;
      await this.giveUp(opened, error.reason);
      return error.reason;
    }
  }

  /** Null if what an exchange needs is not there. */
  private async exchangeOf(opened: OpenedPlatform): Promise<(() => Promise<TokenGrant>) | null> {
    const { row, credentials, refreshToken } = opened;
    const { instanceUrl: issuer } = row;
    if (row.platformType === 'bluesky') {
      const binding = readBinding(credentials.clientSecret);
      const { accessToken } = credentials;
      return binding && (() => this.bluesky.refresh({ issuer, accessToken, refreshToken, binding }));
    }
    const app = await this.appOf(opened);
    return app && (() => this.oauth.refresh(issuer, app, refreshToken));
  }

  /** The registration that the tokens belong to: the connection's own, or the one for all users of the instance. */
  private async appOf({ row, credentials }: OpenedPlatform): Promise<RegisteredApp | null> {
    const { clientKey: clientId, clientSecret } = credentials;
    return clientSecret === null ? this.apps.find(row.instanceUrl, clientId) : { clientId, clientSecret };
  }

  /** Keeps the access token. The next check shows whether the instance still accepts it. */
  private async giveUp(opened: OpenedPlatform, reason: OAuthFailure): Promise<void> {
    const { id, userId } = opened.row;
    if (reason === 'invalid_grant') {
      await this.writer.amend(
        userId,
        id,
        (now) => (this.isSame(now, opened) ? { refreshToken: null } : null),
        { action: 'credentials.refresh', outcome: reason },
      );
      return;
    }
    await this.lease.pause(id, isRefusal(reason) ? REFUSED_RETRY_MS : RETRY_MS);
  }

  /**
   * Retries while the database is down. The exchange may have used up the old refresh token, and the new tokens exist
   * only in this process, so a short outage must not lose them.
   */
  private async store(opened: OpenedPlatform, grant: TokenGrant): Promise<boolean> {
    const { id, userId } = opened.row;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.writer.amend(
          userId,
          id,
          (now) => (this.isSame(now, opened) ? this.renewed(now, opened, grant) : null),
          { action: 'credentials.refresh', outcome: 'done' },
        );
      } catch (error) {
        if (!(error instanceof ServiceUnavailable)) throw error;
        if (attempt === STORE_ATTEMPTS) {
          this.#logger.error('Could not store a refreshed token. Its user has to reconnect the account.');
          throw error;
        }
        await sleep(STORE_RETRY_MS);
      }
    }
  }

  private renewed(row: PlatformRow, opened: OpenedPlatform, grant: TokenGrant): Partial<PlatformRow> {
    const { accessToken, expiresInSeconds, binding } = grant;
    const clientSecret = binding ?? opened.credentials.clientSecret;
    return {
      ...this.cipher.encrypt(row, { ...opened.credentials, accessToken, clientSecret }),
      // Without a new refresh token in the response, the old one stays valid (RFC 6749, section 6).
      refreshToken: this.refreshTokens.encrypt(row, grant.refreshToken ?? opened.refreshToken),
      tokenExpiresAt:
        expiresInSeconds === null ? null : new Date(this.clock.now().getTime() + expiresInSeconds * 1000),
    };
  }

  /** Compares decrypted secrets, whatever key encrypted them, so that tokens saved during the exchange are kept. */
  private isSame(row: PlatformRow, { row: before, credentials, refreshToken }: OpenedPlatform): boolean {
    const now = this.open(row);
    return (
      now !== null &&
      row.instanceUrl === before.instanceUrl &&
      now.credentials.accessToken === credentials.accessToken &&
      now.refreshToken === refreshToken
    );
  }

  /** Null if a secret is missing or cannot be decrypted. */
  private open(row: PlatformRow): OpenedPlatform | null {
    const credentials = this.cipher.decrypt(row, sealedOf(row));
    const refreshToken = row.refreshToken === null ? null : this.refreshTokens.decrypt(row, row.refreshToken);
    if (credentials === null || refreshToken === null) return null;
    const { clientKey } = credentials;
    return clientKey === null ? null : { row, credentials: { ...credentials, clientKey }, refreshToken };
  }
}

function isRefusal(reason: OAuthFailure): boolean {
  return reason === 'invalid_client' || reason === 'oauth_refused';
}

export function passingFailure(outcome: RefreshOutcome | null): PassingFailure | null {
  return PASSING.find((reason) => reason === outcome) ?? null;
}
