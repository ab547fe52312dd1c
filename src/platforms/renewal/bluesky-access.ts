import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import { CredentialCipher } from '../../credentials/credential-cipher.js';
import { Database } from '../../database/database.js';
import { failedRequestIn } from '../../instances/bluesky/bluesky-errors.js';
import { BlueskyOAuth } from '../../instances/bluesky/bluesky-oauth.js';
import { type BlueskySession, readBinding } from '../../instances/bluesky/bluesky-session.js';
import { BlueskyProofs, type ProvenHeaders } from '../../instances/bluesky/proofs.js';
import type { CachedPlatform } from '../platform-cache.js';
import { PlatformRepository } from '../platform.repository.js';
import { NeedsReconnect, PlatformNotFound } from '../platforms.errors.js';
import { TokenRefresh } from './token-refresh.js';

/** The way to the server of one account, with the authority of its connection. */
export interface BlueskyWay {
  /** The account's PDS, as its identity document says now. */
  readonly origin: string;
  /** Of no use without the headers. */
  readonly accessToken: string;
  /** New ones for each request. */
  headers(method: string, path: string): Promise<ProvenHeaders>;
  /** @returns whether the request was refused for its nonce only and may be sent again with new headers. */
  heard(status: number, headers: IncomingHttpHeaders): boolean;
}

/** Opens connections of Bluesky for those who send requests of their own. */
@Injectable()
export class BlueskyAccess {
  constructor(
    private readonly database: Database,
    private readonly repository: PlatformRepository,
    private readonly cipher: CredentialCipher,
    private readonly tokens: TokenRefresh,
    private readonly oauth: BlueskyOAuth,
    private readonly proofs: BlueskyProofs,
  ) {}

  /**
   * Refreshes the token first if it has expired.
   *
   * @throws {PlatformNotFound | NeedsReconnect}
   * @throws {OutgoingRequestError} if the account's server cannot be found at the moment.
   */
  async open(id: number): Promise<BlueskyWay> {
    const { view } = await this.read(id);
    await this.tokens.refreshSpent(view);
    const session = this.sessionOf(await this.read(id));
    const origin = await this.serverOf(session);
    return {
      origin,
      accessToken: session.accessToken,
      headers: (method, path) => this.proofs.headers(session, method, new URL(path, origin)),
      heard: (status, headers) => this.proofs.heard(origin, status, headers),
    };
  }

  private async read(id: number): Promise<CachedPlatform> {
    const platform = await this.database.load(() => this.repository.find(id));
    if (platform === null) throw new PlatformNotFound();
    return platform;
  }

  private sessionOf({ view, credentials }: CachedPlatform): BlueskySession {
    const opened = this.cipher.decrypt(view, credentials);
    const binding = opened && readBinding(opened.clientSecret);
    if (opened === null || binding === null) throw new NeedsReconnect();
    return { issuer: view.instanceUrl, accessToken: opened.accessToken, refreshToken: null, binding };
  }

  /** A token is sent to no server of another issuer. */
  private async serverOf({ issuer, binding }: BlueskySession): Promise<string> {
    try {
      const place = await this.oauth.locate(binding.did);
      if (place.issuer === issuer) return new URL(place.pds).origin;
    } catch (error) {
      throw failedRequestIn(error) ?? error;
    }
    throw new NeedsReconnect();
  }
}
