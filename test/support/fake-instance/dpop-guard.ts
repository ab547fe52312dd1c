import { createHash, randomBytes } from 'node:crypto';
import { EmbeddedJWK, calculateJwkThumbprint, jwtVerify } from 'jose';
import type { JsonAnswer } from './fake-oauth.js';

export interface ProvenRequest {
  readonly method: string;
  readonly url: URL;
  readonly dpop: string | undefined;
  /** The token that the proof is to name; null at the authorization server. */
  readonly token: string | null;
}

/** Checks DPoP proofs (RFC 9449) as servers of the AT Protocol do: key, method, address, token, age, reuse and nonce. */
export class DpopGuard {
  nonce = newNonce();
  /** Requests that were answered with the right nonce instead. */
  refused = 0;
  readonly #seen = new Set<string>();

  rotate(): void {
    this.nonce = newNonce();
  }

  /** The thumbprint of the key, or what to answer instead. */
  async check({ method, url, dpop, token }: ProvenRequest): Promise<string | JsonAnswer> {
    if (dpop === undefined) return this.#refusal('invalid_dpop_proof', token !== null);
    try {
      const { payload, protectedHeader } = await jwtVerify(dpop, EmbeddedJWK, {
        typ: 'dpop+jwt',
        maxTokenAge: 60,
      });
      const ath = token === null ? undefined : createHash('sha256').update(token).digest('base64url');
      const isRight =
        payload.htm === method &&
        payload.htu === `${url.origin}${url.pathname}` &&
        payload.ath === ath &&
        payload.jti !== undefined &&
        !this.#seen.has(payload.jti) &&
        protectedHeader.jwk !== undefined &&
        !('d' in protectedHeader.jwk);
      if (!isRight) return this.#refusal('invalid_dpop_proof', token !== null);
      this.#seen.add(payload.jti ?? '');
      if (payload.nonce !== this.nonce) {
        this.refused += 1;
        return this.#refusal('use_dpop_nonce', token !== null);
      }
      return await calculateJwkThumbprint(protectedHeader.jwk ?? {});
    } catch {
      return this.#refusal('invalid_dpop_proof', token !== null);
    }
  }

  #refusal(error: string, isResource: boolean): JsonAnswer {
    return isResource
      ? { status: 401, headers: { 'WWW-Authenticate': `DPoP error="${error}"` }, body: { error } }
      : { status: 400, body: { error } };
  }
}

function newNonce(): string {
  return randomBytes(16).toString('base64url');
}
