import { createHash, randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import type { BlueskySession } from './bluesky-session.js';
import { DpopNonces } from './dpop-nonces.js';

export interface ProvenHeaders {
  readonly authorization: string;
  readonly dpop: string;
}

/** DPoP proofs (RFC 9449) for requests that the library does not send, such as those that are streamed through. */
@Injectable()
export class BlueskyProofs {
  constructor(
    private readonly nonces: DpopNonces,
    private readonly clock: Clock,
  ) {}

  /** The headers of one request: a proof serves once. */
  async headers({ accessToken, binding }: BlueskySession, method: string, url: URL): Promise<ProvenHeaders> {
    const { JoseKey } = await import('@atproto/oauth-client-node');
    const key = await JoseKey.fromJWK({ ...binding.dpopJwk });
    const jwk = key.bareJwk;
    if (jwk === undefined) throw new Error('A DPoP key must be asymmetric.');
    const nonce = this.nonces.get(url.origin);
    const dpop = await key.createJwt(
      { alg: 'ES256', typ: 'dpop+jwt', jwk },
      {
        jti: randomUUID(),
        iat: Math.floor(this.clock.now().getTime() / 1000),
        htm: method,
        htu: `${url.origin}${url.pathname}`,
        ath: createHash('sha256').update(accessToken).digest('base64url'),
        ...(nonce !== undefined && { nonce }),
      },
    );
    return { authorization: `DPoP ${accessToken}`, dpop };
  }

  /**
   * Keeps the nonce of a response.
   *
   * @returns whether the request was refused for its nonce only, so that it may be sent again with new headers.
   */
  heard(origin: string, status: number, headers: IncomingHttpHeaders): boolean {
    const nonce = headers['dpop-nonce'];
    if (typeof nonce !== 'string') return false;
    this.nonces.set(origin, nonce);
    return status === 401 && /^DPoP\b.*\berror="use_dpop_nonce"/i.test(headers['www-authenticate'] ?? '');
  }
}
