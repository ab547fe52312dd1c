import { Injectable } from '@nestjs/common';
import { DomainError } from '../../common/domain-error.js';
import type { InstanceAccount } from '../account.js';
import { type CheckOutcome, DETAILS } from '../check-outcome.js';
import type { InstanceResponse } from '../guarded-http.js';
import { jsonBody } from '../json-body.js';
import { accountOf, outcomeOfXrpc, sessionSchema } from './bluesky-account.js';
import { AccountElsewhere, failedRequestIn } from './bluesky-errors.js';
import { type BlueskyPlace, BlueskyOAuth } from './bluesky-oauth.js';
import { type BlueskySession, readBinding } from './bluesky-session.js';

const SESSION = '/xrpc/com.atproto.server.getSession';
const PROFILE = '/xrpc/app.bsky.actor.getProfile';

export interface BlueskyTarget {
  readonly instanceUrl: string;
  readonly accessToken: string;
  readonly clientSecret: string | null;
}

export interface BlueskyFinding {
  readonly outcome: CheckOutcome;
  readonly detail: string;
  readonly response: InstanceResponse | null;
  readonly account: InstanceAccount | null;
}

/** Asks the server of an account whether it accepts a session. Every failure is an outcome, never an error. */
@Injectable()
export class BlueskyChecker {
  constructor(private readonly oauth: BlueskyOAuth) {}

  async check({ instanceUrl, accessToken, clientSecret }: BlueskyTarget): Promise<BlueskyFinding> {
    const binding = readBinding(clientSecret);
    if (binding === null) return finding('needs_reconnect');
    try {
      const place = await this.oauth.locate(binding.did);
      const session = { issuer: instanceUrl, accessToken, refreshToken: null, binding };
      return await this.ask(session, place);
    } catch (error) {
      return failed(error);
    }
  }

  private async ask(session: BlueskySession, place: BlueskyPlace): Promise<BlueskyFinding> {
    const { did } = session.binding;
    const response = await this.oauth.request(session, place, SESSION);
    const found = response.status === 200 ? jsonBody(response, sessionSchema) : null;
    if (found === null) return finding(outcomeOfXrpc(response), response);
    if (found.did !== did) return finding('identity_mismatch', response);
    if (!found.active) return finding('account_disabled', response);
    const profile = await this.profile(session, place);
    return { ...finding('connected', response), account: accountOf(did, place.handle, profile) };
  }

  /** Null if it cannot be had: another server keeps the profiles, and the account's own has accepted the session. */
  private async profile(session: BlueskySession, place: BlueskyPlace): Promise<InstanceResponse | null> {
    try {
      return await this.oauth.request(session, place, `${PROFILE}?actor=${encodeURIComponent(place.did)}`);
    } catch (error) {
      if (failedRequestIn(error) === null) throw error;
      return null;
    }
  }
}

function failed(error: unknown): BlueskyFinding {
  if (error instanceof AccountElsewhere) {
    const { host } = new URL(error.issuer);
    const detail = `The account has moved to the server ${host}. Connect it again.`;
    return { ...finding('account_moved'), detail };
  }
  const request = failedRequestIn(error);
  if (request !== null) return { ...finding(request.reason), detail: request.message };
  if (isGone(error)) return finding('account_disabled');
  if (error instanceof DomainError || !(error instanceof Error)) throw error;
  return finding('instance_error');
}

/** The directory answers 404 about an identity that it does not know, and 410 about one that was deleted. */
function isGone(error: unknown): boolean {
  for (let next = error; next instanceof Error; next = next.cause) {
    if ('did' in next && 'status' in next) return next.status === 404 || next.status === 410;
  }
  return false;
}

function finding(outcome: CheckOutcome, response: InstanceResponse | null = null): BlueskyFinding {
  return { outcome, detail: DETAILS[outcome], response, account: null };
}
