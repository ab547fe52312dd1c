import { type InstanceAccount, accountSchema } from './account.js';
import type { GuardedHttp, InstanceResponse, OutgoingRequest } from './guarded-http.js';
import { jsonBody } from './json-body.js';
import { misskeyRequest, readMisskeyAccount } from './misskey-api.js';
import type { PlatformType } from './software.js';

/** How a server is asked which account a token belongs to. */
export interface AccountApi {
  readonly path: string;
  readonly request: (accessToken: string) => OutgoingRequest;
  /** The account in a response with status 200; null if there is none. */
  readonly read: (
    http: GuardedHttp,
    origin: string,
    response: InstanceResponse,
  ) => Promise<InstanceAccount | null>;
}

const MASTODON: AccountApi = {
  path: '/api/v1/accounts/verify_credentials',
  request: (accessToken) => ({ headers: { Authorization: `Bearer ${accessToken}` } }),
  read: async (_http, _origin, response) => jsonBody(response, accountSchema),
};

const MISSKEY: AccountApi = {
  path: '/api/i',
  request: (accessToken) => misskeyRequest({ i: accessToken }),
  read: readMisskeyAccount,
};

export function accountApiOf(type: PlatformType): AccountApi {
  return type === 'misskey' ? MISSKEY : MASTODON;
}
