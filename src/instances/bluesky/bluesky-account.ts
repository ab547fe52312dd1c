import { z } from 'zod';
import { type InstanceAccount, count, pictureAddress } from '../account.js';
import type { CheckOutcome } from '../check-outcome.js';
import type { InstanceResponse } from '../guarded-http.js';
import { jsonBody } from '../json-body.js';
import { plainText } from '../plain-text.js';

/** com.atproto.server.getSession */
export const sessionSchema = z.object({
  did: z.string(),
  active: z.boolean().catch(true),
});

/** app.bsky.actor.defs#profileViewDetailed */
const profileSchema = z.object({
  did: z.string(),
  displayName: z.string().nullish().catch(null),
  avatar: pictureAddress,
  followersCount: count,
  followsCount: count,
  postsCount: count,
});

const errorSchema = z.object({ error: z.string().max(200) });

// The `error` of an XRPC response, which the PDS sends as 400, 401 or 403, by version.
const ERRORS: ReadonlyMap<string | undefined, CheckOutcome> = new Map<string | undefined, CheckOutcome>([
  ['invalid_token', 'token_invalid'],
  ['InvalidToken', 'token_invalid'],
  ['ExpiredToken', 'token_invalid'],
  ['AuthMissing', 'token_invalid'],
  ['AuthenticationRequired', 'token_invalid'],
  ['insufficient_scope', 'scope_missing'],
  ['ScopeMissingError', 'scope_missing'],
  ['AccountTakedown', 'account_disabled'],
  ['AccountDeactivated', 'account_disabled'],
  ['AccountSuspended', 'account_disabled'],
  ['AccountNotFound', 'account_disabled'],
]);

/** What a response of the account's server that is not 200 means. */
export function outcomeOfXrpc(response: InstanceResponse): CheckOutcome {
  const { status } = response;
  if (status === 429) return 'rate_limited';
  if (status >= 500) return 'instance_error';
  const known = ERRORS.get(jsonBody(response, errorSchema)?.error);
  if (known !== undefined) return known;
  return status === 401 ? 'token_invalid' : 'instance_error';
}

/** @param profile null if it could not be read: the account is known without it. */
export function accountOf(
  did: string,
  handle: string | null,
  profile: InstanceResponse | null,
): InstanceAccount {
  const found = profile?.status === 200 ? jsonBody(profile, profileSchema) : null;
  const own = found?.did === did ? found : null;
  return {
    id: did,
    // A handle that does not lead back to the account may be anybody's.
    username: handle ?? did,
    displayName: plainText(own?.displayName, 200),
    avatarUrl: own?.avatar ?? null,
    uri: null,
    followers: own?.followersCount ?? null,
    following: own?.followsCount ?? null,
    statuses: own?.postsCount ?? null,
    movedTo: null,
  };
}
