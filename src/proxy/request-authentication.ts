import type { IncomingMessage } from 'node:http';
import type { PlatformType } from '../instances/software.js';
import { withMisskeyToken } from './misskey-token.js';
import type { RequestBody } from './request-body.js';

/** A request as it goes to the instance, still without the credential. */
export interface ProxiedRequest {
  readonly method: string;
  readonly origin: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: RequestBody;
}

type Authenticate = (request: ProxiedRequest, accessToken: string) => ProxiedRequest;

const bearer = (request: ProxiedRequest, accessToken: string): ProxiedRequest => ({
  ...request,
  headers: { ...request.headers, authorization: `Bearer ${accessToken}` },
});

// The header too: what takes GET reads nothing else.
const misskey: Authenticate = (request, accessToken) =>
  withMisskeyToken(bearer(request, accessToken), accessToken);

/** Where a token alone says whose request it is. */
const AUTHENTICATE: Readonly<Record<Exclude<PlatformType, 'bluesky'>, Authenticate>> = {
  mastodon: bearer,
  pixelfed: bearer,
  pleroma: bearer,
  akkoma: bearer,
  gotosocial: bearer,
  friendica: bearer,
  mastodon_api: bearer,
  misskey,
};

export function authenticated(
  type: keyof typeof AUTHENTICATE,
  request: ProxiedRequest,
  accessToken: string,
): ProxiedRequest {
  return AUTHENTICATE[type](request, accessToken);
}

/**
 * Whether an answer says that the token is not good. Pixelfed leads to its login unless JSON is asked for. A 403, which
 * Pleroma and others send, may also be about a scope: the watcher finds out.
 */
export function isTokenRefused(type: PlatformType, { statusCode, headers }: IncomingMessage): boolean {
  return (
    statusCode === 401 ||
    (type === 'pixelfed' && statusCode === 302 && /\/login$/.test(headers.location ?? ''))
  );
}
