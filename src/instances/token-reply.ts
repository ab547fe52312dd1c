import { z } from 'zod';
import { isChallengePage, isPage } from './challenge-page.js';
import type { InstanceResponse } from './guarded-http.js';
import { jsonBody } from './json-body.js';
import { type OAuthFailure, OAuthFailed } from './oauth.errors.js';

/** Ten years. A token with a longer lifetime counts as one that never expires. */
const MAX_LIFETIME_SECONDS = 315_360_000;

export const credential = z.string().regex(/^[\x21-\x7e]{1,4096}$/);

/** The tokens that an instance issued for a code or a refresh token. */
export interface TokenGrant {
  readonly accessToken: string;
  readonly refreshToken: string | null;
  /** Seconds from now; null if the token has no known expiry. */
  readonly expiresInSeconds: number | null;
  /** What else the tokens need, at Bluesky: see SessionBinding. It replaces the client secret. */
  readonly binding?: string;
}

// GoToSocial before 0.4 sends 0 for "never"; others send -1, "never", "" or null.
const lifetime = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\d{1,12}(?:\.\d{1,9})?$/)
      .transform(Number),
  ])
  .transform((seconds) => (seconds >= 1 && seconds <= MAX_LIFETIME_SECONDS ? Math.floor(seconds) : null))
  .catch(null);

/** RFC 6749, section 5.1. Only the access token is indispensable, and only another type of token is of no use. */
const tokenSchema = z.object({
  access_token: credential,
  token_type: z
    .string()
    .catch('')
    .refine((type) => /^\s*(?:bearer\s*)?$/i.test(type)),
  expires_in: lifetime,
  refresh_token: credential.nullable().catch(null),
});

const errorSchema = z.object({ error: z.string() });

/** @throws {OAuthFailed} */
export function readTokens(response: InstanceResponse): TokenGrant {
  const tokens = response.status >= 200 && response.status < 300 ? jsonBody(response, tokenSchema) : null;
  if (tokens === null) throw new OAuthFailed(failureOfReply(response));
  return {
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token,
    expiresInSeconds: tokens.expires_in,
  };
}

/** What the error code of a refusal means; null if the response has none. */
export function refusalOf(response: InstanceResponse): OAuthFailure | null {
  // A rate limit has the form of an OAuth error, but it is temporary and refuses nothing.
  if (response.status === 429 || response.status >= 500) return null;
  const error = jsonBody(response, errorSchema)?.error;
  switch (error) {
    case undefined:
      return null;
    case 'access_denied':
    case 'invalid_client':
    case 'invalid_grant':
      return error;
    // Pleroma and Akkoma send this for an invalid client, code or refresh token.
    case 'Invalid credentials':
      return 'invalid_grant';
    default:
      return 'oauth_refused';
  }
}

function failureOfReply(response: InstanceResponse): OAuthFailure {
  if (isChallengePage(response)) return 'instance_blocks_programs';
  const refusal = refusalOf(response);
  if (refusal !== null) return refusal;
  if (isPage(response.headers)) return 'instance_error';
  switch (response.status) {
    // snac answers so, without a body, about an app that it does not know.
    case 401:
      return 'invalid_client';
    case 400:
    case 403:
    case 422:
      return 'oauth_refused';
    default:
      return 'instance_error';
  }
}
