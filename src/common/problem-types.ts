/** One kind of problem, as `/problems/<code>` and docs/problems.md explain it. */
export interface ProblemType {
  readonly status: number;
  readonly title: string;
  /** What it means and what the client can do, in Markdown without links. */
  readonly meaning: string;
}

const type = (status: number, title: string, meaning: string): ProblemType => ({ status, title, meaning });

const NOT_FINISHED = 'Connection not finished';
const NOT_USABLE = 'The instance cannot be used';
const UNAVAILABLE = 'Temporarily unavailable';

/** Every `code` of a problem. The compiler refuses an error with any other. */
export const PROBLEM_TYPES = {
  malformed_request: type(
    400,
    'Malformed request',
    'The request cannot be parsed; a body must be valid JSON.',
  ),
  validation_failed: type(
    400,
    'The request is not valid',
    '`errors` names each invalid field by a JSON pointer into the body, or by `#name` for a parameter or header.',
  ),
  invalid_state: type(400, NOT_FINISHED, 'The attempt has expired or was already used. Start again.'),
  invalid_link: type(
    400,
    'Link not valid',
    'The link of the message has expired or was already used. Ask for a new one.',
  ),
  blocked_address: type(400, NOT_USABLE, 'The server does not connect to this address.'),
  instance_unreachable: type(
    400,
    NOT_USABLE,
    'The instance does not answer. Check the address, or try again later.',
  ),
  instance_error: type(400, NOT_USABLE, 'The instance answered with an error or an invalid response.'),
  not_an_instance: type(400, NOT_USABLE, 'No supported software answers at this address.'),
  instance_blocks_programs: type(
    400,
    NOT_USABLE,
    'Instead of an answer the instance sent a page that only a browser can pass. Ask its administrator to let programs in.',
  ),
  instance_moved: type(400, NOT_USABLE, 'The instance is at another address now; `detail` has it, if known.'),
  instance_gone: type(400, NOT_USABLE, 'The name of the instance has not existed for 30 days.'),
  software_not_supported: type(400, NOT_FINISHED, "The instance's software is not supported."),
  https_required: type(
    400,
    NOT_FINISHED,
    'Bluesky servers must be able to fetch a document of this application, which needs an https `PUBLIC_URL` with a public name. On localhost a development client is used instead.',
  ),
  access_denied: type(400, NOT_FINISHED, 'Access was not granted at the instance.'),
  invalid_client: type(400, NOT_FINISHED, 'The instance no longer recognises this application. Start again.'),
  invalid_grant: type(400, NOT_FINISHED, 'The instance no longer accepts the authorisation. Start again.'),
  registration_refused: type(400, NOT_FINISHED, 'The instance refused to register this application.'),
  oauth_refused: type(400, NOT_FINISHED, 'The instance refused the authorisation.'),
  connected: type(400, NOT_FINISHED, 'The instance accepted the token but did not tell the account.'),
  token_invalid: type(400, NOT_FINISHED, 'The instance refused the new access token.'),
  scope_missing: type(400, NOT_FINISHED, 'The new access token lacks a scope.'),
  account_disabled: type(400, NOT_FINISHED, 'The account is disabled at the instance.'),
  account_pending: type(400, NOT_FINISHED, 'The account is not confirmed or approved at the instance yet.'),
  account_moved: type(400, NOT_FINISHED, 'The account has moved. Connect the new one.'),
  identity_mismatch: type(400, NOT_FINISHED, 'The token belongs to another account.'),
  account_taken: type(400, NOT_FINISHED, 'The account is connected here already, for somebody else.'),

  unauthenticated: type(
    401,
    'Not signed in',
    'The request has no valid access token or API key. Sign in, or renew the token.',
  ),
  invalid_credentials: type(401, 'Sign-in failed', 'The e-mail address or the password is wrong.'),
  invalid_refresh_token: type(401, 'Session ended', 'The refresh token is no longer valid. Sign in again.'),

  admin_factor_missing: type(
    403,
    'Second factor to be set up',
    'Administrators here need a second factor. Add a passkey or an authenticator app to your account first.',
  ),
  recent_sign_in_required: type(
    403,
    'Confirm that it is you',
    'This needs a sign-in of the last ten minutes. Send the password to `POST /v1/auth/confirm`, then repeat the request.',
  ),
  passkey_refused: type(
    403,
    'Passkey refused',
    'The passkey is not known here, or its answer does not fit the options, is late, or came a second time. Begin again.',
  ),
  second_factor_required: type(
    403,
    'Second factor needed',
    'The password is right. Send it again with `code` (of the authenticator app, or a recovery code), or use a passkey.',
  ),
  wrong_code: type(403, 'Wrong code', 'The code is wrong, or has been used. Each works once.'),
  session_cookie_refused: type(
    403,
    'Not a page of this server',
    'Only pages of this server may have their session in a cookie. Programs leave `Session-Cookie` out.',
  ),
  forbidden: type(
    403,
    'Not allowed',
    'The token lacks the scope or the role. `WWW-Authenticate` names a missing scope.',
  ),
  policy_refused: type(
    403,
    "Refused by the API key's policy",
    'The API key is limited to other platform connections, addresses, methods or paths. `detail` says to which.',
  ),
  reveal_disabled: type(
    403,
    'Reveal disabled',
    'This server gives no credentials out. Use them through the proxy.',
  ),
  local_accounts_disabled: type(
    403,
    'Local accounts disabled',
    'Sign in with the OpenID provider of this server.',
  ),
  mail_not_configured: type(403, 'Mail not configured', 'This server sends no mail. Ask its administrator.'),
  wrong_password: type(403, 'Wrong password', 'The current password is wrong.'),
  sign_in_disabled: type(
    403,
    'Account disabled',
    'This account is disabled. Ask an administrator of this server.',
  ),
  registration_closed: type(403, 'Registration closed', 'This server accepts no new accounts.'),
  invitation_required: type(
    403,
    'Invitation required',
    'This server accepts new accounts by invitation only. Ask one of its administrators.',
  ),
  invalid_invitation: type(
    403,
    'Invitation not valid',
    'The invitation may be used, withdrawn, expired, or for another address. Ask for a new one.',
  ),

  route_not_found: type(404, 'Not found', 'There is no such route.'),
  platform_not_found: type(
    404,
    'Platform connection not found',
    'No platform connection of yours has this id. The same for one that is not there and for one of somebody else.',
  ),
  no_platforms: type(
    404,
    'No active platform connection',
    'Without an active connection there is no default.',
  ),
  no_avatar: type(
    404,
    'No picture',
    'The account has no picture, or the picture is temporarily unavailable.',
  ),
  passkey_not_found: type(404, 'Passkey not found', 'No passkey of yours has this id.'),
  totp_not_found: type(404, 'No authenticator app', 'Nothing was set up, or it was removed.'),
  session_not_found: type(404, 'Session not found', 'No session of yours has this id, or it has ended.'),
  user_not_found: type(404, 'User not found', 'No user has this id.'),
  invitation_not_found: type(
    404,
    'Invitation not found',
    'No invitation that can still be used has this id.',
  ),
  api_key_not_found: type(404, 'API key not found', 'No API key of yours has this id.'),
  webhook_not_found: type(404, 'Webhook not found', 'No webhook of yours has this id.'),
  delivery_not_found: type(
    404,
    'Delivery not found',
    'No delivery of the webhook has this id. Deliveries are kept for 7 days.',
  ),
  connect_link_not_found: type(
    404,
    'Link not valid',
    'The link has expired, was already used or revoked, or was begun in another browser. Ask for a new one.',
  ),
  attempt_not_found: type(
    404,
    'Connection attempt not found',
    'The attempt has expired, was already used or is not yours. Start again.',
  ),

  method_not_allowed: type(
    405,
    'Method not allowed',
    'The path does not support the method. `Allow` lists those it does.',
  ),
  request_timeout: type(408, 'Request time-out', 'The request did not arrive in time.'),

  duplicate_name: type(409, 'Name already used', 'Another of your platform connections has this name.'),
  duplicate_account: type(
    409,
    'Account already connected',
    'Another of your platform connections has this instance and username.',
  ),
  duplicate_external_id: type(
    409,
    'External id already used',
    'Another of your platform connections has this externalId.',
  ),
  too_many_platforms: type(
    409,
    'Too many platform connections',
    'Delete a connection that you no longer need.',
  ),
  own_account: type(
    409,
    'Your own account',
    'Administrators cannot change their own account. Ask another administrator.',
  ),
  too_many_connect_links: type(
    409,
    'Too many connect links',
    'Revoke links that nobody will use, or wait until they end.',
  ),
  too_many_invitations: type(409, 'Too many invitations', 'Withdraw invitations that nobody will use.'),
  platform_inactive: type(409, 'Platform connection is not active', 'Activate the connection first.'),
  default_required: type(409, 'A default is required', 'Make another connection the default instead.'),
  needs_reconnect: type(
    409,
    'Reconnect this account',
    'The stored credentials can no longer be opened. Connect the account again, or save new credentials.',
  ),
  too_many_passkeys: type(409, 'Too many passkeys', 'Remove a passkey that you no longer use.'),
  totp_enabled: type(
    409,
    'Authenticator app in use',
    'Remove the authenticator app before you set up another one.',
  ),
  too_many_api_keys: type(409, 'Too many API keys', 'Revoke a key that you no longer need.'),
  too_many_webhooks: type(409, 'Too many webhooks', 'Delete a webhook that you no longer need.'),
  events_forgotten: type(
    409,
    'Events no longer kept',
    'Events are kept for 24 hours. Load the platform connections instead.',
  ),
  email_taken: type(409, 'E-mail address taken', 'An account with this e-mail address already exists.'),
  idempotency_key_in_use: type(
    409,
    'Request still running',
    'A request with this `Idempotency-Key` is still running, or its process died. Repeat it after `Retry-After` seconds.',
  ),
  warm_up_running: type(409, 'Already warming', 'The process is already warming the cache.'),

  version_mismatch: type(
    412,
    'The resource has changed',
    '`If-Match` names another version than the current one. Read the resource again.',
  ),
  payload_too_large: type(413, 'Payload too large', 'The request body is too large.'),
  uri_too_long: type(414, 'URI too long', 'The path is too long.'),
  unsupported_media_type: type(415, 'Unsupported media type', 'Send `application/json`.'),

  idempotency_key_reused: type(
    422,
    'Idempotency-Key used before',
    'This `Idempotency-Key` was sent with another request. Make a new key for each request.',
  ),

  rate_limited: type(429, 'Too many requests', 'Wait as many seconds as `Retry-After` says.'),
  sign_in_delayed: type(
    429,
    'Too many failed sign-ins',
    'There were too many failed sign-ins for this account. Wait as many seconds as `Retry-After` says.',
  ),
  instance_busy: type(
    429,
    'Too many requests to the instance',
    'So that no instance is flooded, its requests of all users are limited together. Wait as many seconds as `Retry-After` says.',
  ),
  too_many_event_clients: type(
    429,
    'Too many connected clients',
    'Close an event stream, or try again later.',
  ),
  headers_too_large: type(431, 'Header fields too large', 'The request headers are too large.'),

  internal_error: type(
    500,
    'Internal error',
    'Something went wrong on the server. Its log has details under the `requestId`.',
  ),

  instance_failed: type(
    502,
    'The instance failed',
    'The instance did not answer, or its answer cannot be passed on. `Proxy-Status` says why.',
  ),
  credential_echoed: type(
    502,
    'The answer was withheld',
    'The answer of the instance contains the access token of the connection. The owner can see it in the audit trail.',
  ),
  proxy_loop: type(
    502,
    'The request came back',
    'The connection leads to this server, or to another one like it. Its instance must be the one with the account.',
  ),

  service_unavailable: type(
    503,
    UNAVAILABLE,
    'Nothing was changed. Repeat the request after `Retry-After` seconds.',
  ),
  database_unavailable: type(
    503,
    UNAVAILABLE,
    'The database cannot be reached. Nothing was changed. Try again shortly.',
  ),
  database_busy: type(
    503,
    UNAVAILABLE,
    'The database has too much to do. Nothing was changed. Try again shortly.',
  ),
  cache_unavailable: type(503, UNAVAILABLE, 'The cache cannot be reached. Try again shortly.'),
  audit_unavailable: type(
    503,
    UNAVAILABLE,
    'The audit trail cannot be written, so nothing was done. Try again shortly.',
  ),
  issuer_unavailable: type(503, UNAVAILABLE, 'The OpenID provider cannot be reached. Try again shortly.'),
  revocation_unconfirmed: type(
    503,
    UNAVAILABLE,
    'The key is revoked, but a cached copy may remain. Repeat the request until it succeeds.',
  ),
  session_end_unconfirmed: type(
    503,
    UNAVAILABLE,
    'The session is ended, but a cached copy may remain. Repeat the request until it succeeds.',
  ),
  shutting_down: type(503, UNAVAILABLE, 'The process is shutting down. Reconnect.'),

  instance_timeout: type(
    504,
    'The instance did not answer in time',
    'Whether the instance has carried the request out is not known. A read may be repeated.',
  ),
} as const satisfies Readonly<Record<string, ProblemType>>;

export type ProblemCode = keyof typeof PROBLEM_TYPES;

/** By status, then as in the table. */
export function listOfProblemTypes(): (ProblemType & { readonly code: string })[] {
  return Object.entries(PROBLEM_TYPES)
    .map(([code, problemType]) => ({ code, ...problemType }))
    .sort((a, b) => a.status - b.status);
}
