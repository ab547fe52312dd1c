import type { PlatformType } from '../instances/software.js';
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

const bearer: Authenticate = (request, accessToken) => ({
  ...request,
  headers: { ...request.headers, authorization: `Bearer ${accessToken}` },
});

/** How the software of each type is told whose request it is. The one place to change for a new type. */
const AUTHENTICATE: Readonly<Record<PlatformType, Authenticate>> = {
  mastodon: bearer,
  pixelfed: bearer,
  pleroma: bearer,
  akkoma: bearer,
  gotosocial: bearer,
  friendica: bearer,
  mastodon_api: bearer,
  misskey: bearer,
};

export function authenticated(
  type: PlatformType,
  request: ProxiedRequest,
  accessToken: string,
): ProxiedRequest {
  return AUTHENTICATE[type](request, accessToken);
}
