import { z } from 'zod';
import { isChallengePage, isPage } from './challenge-page.js';
import type { CheckOutcome } from './check-outcome.js';
import type { InstanceResponse } from './guarded-http.js';
import { jsonBody } from './json-body.js';
import { misskeyCode } from './misskey-api.js';
import type { PlatformType } from './software.js';

const errorSchema = z.object({
  error: z.string().nullish().catch(null),
  error_description: z.string().nullish().catch(null),
  message: z.string().nullish().catch(null),
});

// Words that servers use, most specific first: "disabled" may appear with "login", and "scope" with "token".
const WORDS: readonly (readonly [RegExp, CheckOutcome])[] = [
  [/\b(?:scopes?|permissions?)\b/i, 'scope_missing'],
  [/\b(?:disabled|deactivated|suspended|banned)\b/i, 'account_disabled'],
  [/\b(?:pending|approv\w+|confirm\w*|unconfirmed|verif\w+)\b/i, 'account_pending'],
  [/\b(?:credentials|token|login|log in|authenticat\w+|unauthori[sz]ed)\b/i, 'token_invalid'],
];

// The meaning of a 403 without an explanation. Pleroma and Friendica send it for a bad token, Pixelfed for an account
// that is not in good standing.
const SILENT_403: Readonly<Record<PlatformType, CheckOutcome>> = {
  mastodon: 'instance_error',
  pixelfed: 'account_disabled',
  pleroma: 'token_invalid',
  akkoma: 'token_invalid',
  gotosocial: 'scope_missing',
  friendica: 'token_invalid',
  mastodon_api: 'instance_error',
  misskey: 'instance_error',
  bluesky: 'instance_error',
};

// ApiCallService.ts and endpoints/i.ts of Misskey and Sharkey, which send them as 400, 401, 403 or 429, by version.
const MISSKEY_CODES: ReadonlyMap<string | null, CheckOutcome> = new Map<string | null, CheckOutcome>([
  ['AUTHENTICATION_FAILED', 'token_invalid'],
  ['CREDENTIAL_REQUIRED', 'token_invalid'],
  ['PERMISSION_DENIED', 'scope_missing'],
  ['YOUR_ACCOUNT_SUSPENDED', 'account_disabled'],
  ['USER_IS_DELETED', 'account_disabled'],
  ['YOUR_ACCOUNT_MOVED', 'account_moved'],
  ['RATE_LIMIT_EXCEEDED', 'rate_limited'],
]);

/**
 * The meaning of an unsuccessful response to the question whose token it is. Null if a server that is not an instance could
 * also have sent it.
 */
export function outcomeOfRefusal(type: PlatformType, response: InstanceResponse): CheckOutcome | null {
  const { status, headers, jsonText } = response;
  if (status === 429) return 'rate_limited';
  if (status === 503 && type === 'gotosocial' && headers['retry-after'] !== undefined) return 'rate_limited';
  if (isChallengePage(response)) return null;
  if (status >= 500) return 'instance_error';
  if (status >= 300 && status < 400)
    return type === 'pixelfed' ? outcomeOfPixelfedRedirect(headers.location) : null;
  // Not JSON, so not from the API: a proxy, a firewall, or another kind of server.
  if (jsonText === null) return null;
  const outcome = type === 'misskey' ? MISSKEY_CODES.get(misskeyCode(response)) : undefined;
  if (outcome !== undefined) return outcome;
  switch (status) {
    case 401:
      return outcomeOfWords(response) === 'scope_missing' ? 'scope_missing' : 'token_invalid';
    case 403:
      return outcomeOfWords(response) ?? SILENT_403[type];
    case 422:
      // Mastodon, and what follows it, sends 422 for an app token without a user.
      return type === 'mastodon' || type === 'mastodon_api' ? 'token_invalid' : 'instance_error';
    default:
      return status === 404 || status === 410 || status < 400 ? null : 'instance_error';
  }
}

/** The meaning of a response that says nothing by itself, once nodeinfo has shown that an instance sent it. */
export function outcomeAtInstance(response: InstanceResponse): CheckOutcome {
  if (isChallengePage(response)) return 'instance_blocks_programs';
  // snac answers 422, and some proxies before an API answer 401, without a body.
  const isBare = response.jsonText === null && !isPage(response.headers);
  return isBare && [401, 422].includes(response.status) ? 'token_invalid' : 'instance_error';
}

function outcomeOfPixelfedRedirect(location: string | undefined): CheckOutcome | null {
  if (location === undefined || !URL.canParse(location, 'https://instance.invalid')) return null;
  switch (new URL(location, 'https://instance.invalid').pathname) {
    case '/login':
      return 'token_invalid';
    case '/i/verify-email':
      return 'account_pending';
    default:
      return null;
  }
}

function outcomeOfWords(response: InstanceResponse): CheckOutcome | null {
  const body = jsonBody(response, errorSchema);
  if (body === null) return null;
  // Codes are words too: `insufficient_scope` of RFC 6750 is all that Hollo says.
  const text = [body.error, body.error_description, body.message]
    .join(' ')
    .slice(0, 1000)
    .replaceAll('_', ' ');
  return WORDS.find(([words]) => words.test(text))?.[1] ?? null;
}
