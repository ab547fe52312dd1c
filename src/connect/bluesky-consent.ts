import { Injectable } from '@nestjs/common';
import { BlueskyOAuth } from '../instances/bluesky/bluesky-oauth.js';
import { readPending } from '../instances/bluesky/bluesky-session.js';
import type { Did } from '../instances/bluesky/handle-names.js';
import type { TokenGrant } from '../instances/token-reply.js';
import { type AnsweredAttempt, ConnectAttempts, type WantedAttempt } from './connect-attempts.js';
import { ConnectFailed } from './connect.errors.js';

const NO_CLIENT =
  'Bluesky accounts can be connected only where this application has an https address with a public name, or on localhost.';

/** Consent by OAuth of the AT Protocol. Its verifier, and the key of its proofs, are the attempt's verifier. */
@Injectable()
export class BlueskyConsent {
  constructor(
    private readonly bluesky: BlueskyOAuth,
    private readonly attempts: ConnectAttempts,
  ) {}

  /**
   * @param did the account that the user named; null if they named a server.
   * @returns the authorisation URL.
   * @throws {ConnectFailed | OAuthFailed}
   */
  async begin(attempt: WantedAttempt, did: Did | null, browser: string): Promise<string> {
    const { clientId } = this.bluesky;
    if (clientId === null) throw new ConnectFailed('https_required', NO_CLIENT);
    const { origin, forceLogin } = attempt;
    const { url, state, pending } = await this.bluesky.begin(did ?? origin, did, forceLogin);
    const secrets = { clientId, clientSecret: null, verifier: JSON.stringify(pending) };
    await this.attempts.begin({ ...attempt, ...secrets }, browser, state);
    return url;
  }

  /** @throws {OAuthFailed} */
  grant({ verifier, code, iss }: AnsweredAttempt): Promise<TokenGrant> {
    return this.bluesky.exchange(readPending(verifier), code, iss);
  }
}
