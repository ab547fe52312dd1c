import { DomainError } from '../../common/domain-error.js';
import { OutgoingRequestError } from '../guarded-http.errors.js';
import { OAuthFailed, type OAuthFailure } from '../oauth.errors.js';

const MAX_CAUSES = 8;
const CODES: ReadonlySet<string> = new Set(['access_denied', 'invalid_client', 'invalid_grant']);

/** The account is at a server now that did not issue its token. */
export class AccountElsewhere extends Error {
  override readonly name = 'AccountElsewhere';

  constructor(readonly issuer: string) {
    super('The account has moved to another server.');
  }
}

/** The request of ours that failed beneath an error of the library; null if none did. */
export function failedRequestIn(error: unknown): OutgoingRequestError | null {
  return causesOf(error).find((cause) => cause instanceof OutgoingRequestError) ?? null;
}

/** What an error of the library means. The result has no cause: the library's errors contain requests with secrets. */
export function toOAuthFailed(error: unknown): OAuthFailed {
  // The database is needed too, for the client's key.
  if (error instanceof DomainError || !(error instanceof Error)) throw error;
  const causes = causesOf(error);
  const known = causes.find((cause) => cause instanceof OAuthFailed);
  if (known !== undefined) return known;
  const request = failedRequestIn(error);
  if (request !== null) return new OAuthFailed(request.reason);
  return new OAuthFailed(causes.map(refusalIn).find((reason) => reason !== null) ?? 'instance_error');
}

/** Errors of the token endpoint and of PAR have the response's status and its `error`. */
function refusalIn(error: Error): OAuthFailure | null {
  if (!('error' in error) || !('status' in error) || typeof error.error !== 'string') return null;
  const { status } = error;
  // A nonce that was refused twice, a limit, or a fault: nothing was decided about the grant.
  if (typeof status !== 'number' || status === 429 || status >= 500 || error.error === 'use_dpop_nonce')
    return 'instance_error';
  return CODES.has(error.error) ? (error.error as OAuthFailure) : 'oauth_refused';
}

function causesOf(error: unknown): Error[] {
  const causes: Error[] = [];
  for (let next = error; next instanceof Error && causes.length < MAX_CAUSES; next = next.cause)
    causes.push(next);
  return causes;
}
