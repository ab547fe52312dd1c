/** One kind of problem, as `/problems/<code>` and docs/problems.md explain it. */
export interface ProblemType {
  readonly status: number;
  readonly title: string;
  /** What it means and what the client can do, in Markdown without links. */
  readonly meaning: string;
}

/** @param types title and meaning, by code. */
function ofStatus<Code extends string>(
  status: number,
  types: Readonly<Record<Code, readonly [title: string, meaning: string]>>,
): Record<Code, ProblemType> {
  const entries = Object.entries<readonly [string, string]>(types);
  return Object.fromEntries(
    entries.map(([code, [title, meaning]]) => [code, { status, title, meaning }]),
  ) as Record<Code, ProblemType>;
}

const NOT_FINISHED = 'Connection not finished';
const NOT_USABLE = 'The instance cannot be used';
const UNAVAILABLE = 'Temporarily unavailable';

/** Every `code` of a problem. The compiler refuses an error with any other. */
export const PROBLEM_TYPES = {
  ...ofStatus(400, {
    malformed_request: ['Malformed request', 'The request cannot be parsed; a body must be valid JSON.'],
    validation_failed: [
      'The request is not valid',
      '`errors` names each invalid field by a JSON pointer into the body, or by `#name` for a parameter or header.',
    ],
    invalid_state: [NOT_FINISHED, 'The attempt has expired or was already used. Start again.'],
    invalid_link: [
      'Link not valid',
      'The link of the message has expired or was already used. Ask for a new one.',
    ],
    blocked_address: [NOT_USABLE, 'The server does not connect to this address.'],
    instance_unreachable: [
      NOT_USABLE,
      'The instance does not answer. Check the address, or try again later.',
    ],
    instance_error: [NOT_USABLE, 'The instance answered with an error or an invalid response.'],
    not_an_instance: [NOT_USABLE, 'No supported software answers at this address.'],
    instance_blocks_programs: [
      NOT_USABLE,
      'Instead of an answer the instance sent a page that only a browser can pass. Ask its administrator to let programs in.',
    ],
    instance_moved: [NOT_USABLE, 'The instance is at another address now; `detail` has it, if known.'],
    instance_gone: [NOT_USABLE, 'The name of the instance has not existed for 30 days.'],
    software_not_supported: [NOT_FINISHED, "The instance's software is not supported."],
    https_required: [
      NOT_FINISHED,
      'Bluesky servers must be able to fetch a document of this application, which needs an https `PUBLIC_URL` with a public name. On localhost a development client is used instead.',
    ],
    access_denied: [NOT_FINISHED, 'Access was not granted at the instance.'],
    invalid_client: [NOT_FINISHED, 'The instance no longer recognises this application. Start again.'],
    invalid_grant: [NOT_FINISHED, 'The instance no longer accepts the authorisation. Start again.'],
    registration_refused: [NOT_FINISHED, 'The instance refused to register this application.'],
    oauth_refused: [NOT_FINISHED, 'The instance refused the authorisation.'],
    connected: [NOT_FINISHED, 'The instance accepted the token but did not tell the account.'],
    token_invalid: [NOT_FINISHED, 'The instance refused the new access token.'],
    scope_missing: [NOT_FINISHED, 'The new access token lacks a scope.'],
    account_disabled: [NOT_FINISHED, 'The account is disabled at the instance.'],
    account_pending: [NOT_FINISHED, 'The account is not confirmed or approved at the instance yet.'],
    account_moved: [NOT_FINISHED, 'The account has moved. Connect the new one.'],
    identity_mismatch: [NOT_FINISHED, 'The token belongs to another account.'],
    account_taken: [NOT_FINISHED, 'The account is connected here already, for somebody else.'],
  }),
  ...ofStatus(401, {
    unauthenticated: [
      'Not signed in',
      'The request has no valid access token or API key. Sign in, or renew the token.',
    ],
    invalid_credentials: ['Sign-in failed', 'The e-mail address or the password is wrong.'],
    invalid_refresh_token: ['Session ended', 'The refresh token is no longer valid. Sign in again.'],
  }),
  ...ofStatus(403, {
    admin_factor_missing: [
      'Second factor to be set up',
      'Administrators here need a second factor. Add a passkey or an authenticator app to your account first.',
    ],
    recent_sign_in_required: [
      'Confirm that it is you',
      'This needs a sign-in of the last ten minutes. Send the password to `POST /v1/auth/confirm`, then repeat the request.',
    ],
    passkey_refused: [
      'Passkey refused',
      'The passkey is not known here, or its answer does not fit the options, is late, or came a second time. Begin again.',
    ],
    second_factor_required: [
      'Second factor needed',
      'The password is right. Send it again with `code` (of the authenticator app, or a recovery code), or use a passkey.',
    ],
    wrong_code: ['Wrong code', 'The code is wrong, or has been used. Each works once.'],
    session_cookie_refused: [
      'Not a page of this server',
      'Only pages of this server may have their session in a cookie. Programs leave `Session-Cookie` out.',
    ],
    forbidden: [
      'Not allowed',
      'The token lacks the scope or the role. `WWW-Authenticate` names a missing scope.',
    ],
    policy_refused: [
      "Refused by the API key's policy",
      'The API key is limited to other platform connections, addresses, methods or paths. `detail` says to which.',
    ],
    reveal_disabled: ['Reveal disabled', 'This server gives no credentials out. Use them through the proxy.'],
    local_accounts_disabled: ['Local accounts disabled', 'Sign in with the OpenID provider of this server.'],
    mail_not_configured: ['Mail not configured', 'This server sends no mail. Ask its administrator.'],
    wrong_password: ['Wrong password', 'The current password is wrong.'],
    sign_in_disabled: ['Account disabled', 'This account is disabled. Ask an administrator of this server.'],
    registration_closed: ['Registration closed', 'This server accepts no new accounts.'],
    invitation_required: [
      'Invitation required',
      'This server accepts new accounts by invitation only. Ask one of its administrators.',
    ],
    invalid_invitation: [
      'Invitation not valid',
      'The invitation may be used, withdrawn, expired, or for another address. Ask for a new one.',
    ],
  }),
  ...ofStatus(404, {
    route_not_found: ['Not found', 'There is no such route.'],
    platform_not_found: [
      'Platform connection not found',
      'No platform connection of yours has this id. The same for one that is not there and for one of somebody else.',
    ],
    no_platforms: ['No active platform connection', 'Without an active connection there is no default.'],
    no_avatar: ['No picture', 'The account has no picture, or the picture is temporarily unavailable.'],
    passkey_not_found: ['Passkey not found', 'No passkey of yours has this id.'],
    totp_not_found: ['No authenticator app', 'Nothing was set up, or it was removed.'],
    session_not_found: ['Session not found', 'No session of yours has this id, or it has ended.'],
    user_not_found: ['User not found', 'No user has this id.'],
    invitation_not_found: ['Invitation not found', 'No invitation that can still be used has this id.'],
    api_key_not_found: ['API key not found', 'No API key of yours has this id.'],
    webhook_not_found: ['Webhook not found', 'No webhook of yours has this id.'],
    delivery_not_found: [
      'Delivery not found',
      'No delivery of the webhook has this id. Deliveries are kept for 7 days.',
    ],
    connect_link_not_found: [
      'Link not valid',
      'The link has expired, was already used or revoked, or was begun in another browser. Ask for a new one.',
    ],
    attempt_not_found: [
      'Connection attempt not found',
      'The attempt has expired, was already used or is not yours. Start again.',
    ],
  }),
  ...ofStatus(405, {
    method_not_allowed: [
      'Method not allowed',
      'The path does not support the method. `Allow` lists those it does.',
    ],
  }),
  ...ofStatus(408, {
    request_timeout: ['Request time-out', 'The request did not arrive in time.'],
  }),
  ...ofStatus(409, {
    duplicate_name: ['Name already used', 'Another of your platform connections has this name.'],
    duplicate_account: [
      'Account already connected',
      'Another of your platform connections has this instance and username.',
    ],
    duplicate_external_id: [
      'External id already used',
      'Another of your platform connections has this externalId.',
    ],
    too_many_platforms: ['Too many platform connections', 'Delete a connection that you no longer need.'],
    own_account: [
      'Your own account',
      'Administrators cannot change their own account. Ask another administrator.',
    ],
    too_many_connect_links: [
      'Too many connect links',
      'Revoke links that nobody will use, or wait until they end.',
    ],
    too_many_invitations: ['Too many invitations', 'Withdraw invitations that nobody will use.'],
    platform_inactive: ['Platform connection is not active', 'Activate the connection first.'],
    default_required: ['A default is required', 'Make another connection the default instead.'],
    needs_reconnect: [
      'Reconnect this account',
      'The stored credentials can no longer be opened. Connect the account again, or save new credentials.',
    ],
    too_many_passkeys: ['Too many passkeys', 'Remove a passkey that you no longer use.'],
    totp_enabled: ['Authenticator app in use', 'Remove the authenticator app before you set up another one.'],
    too_many_api_keys: ['Too many API keys', 'Revoke a key that you no longer need.'],
    too_many_webhooks: ['Too many webhooks', 'Delete a webhook that you no longer need.'],
    events_forgotten: [
      'Events no longer kept',
      'Events are kept for 24 hours. Load the platform connections instead.',
    ],
    email_taken: ['E-mail address taken', 'An account with this e-mail address already exists.'],
    idempotency_key_in_use: [
      'Request still running',
      'A request with this `Idempotency-Key` is still running, or its process died. Repeat it after `Retry-After` seconds.',
    ],
    warm_up_running: ['Already warming', 'The process is already warming the cache.'],
  }),
  ...ofStatus(412, {
    version_mismatch: [
      'The resource has changed',
      '`If-Match` names another version than the current one. Read the resource again.',
    ],
  }),
  ...ofStatus(413, {
    payload_too_large: ['Payload too large', 'The request body is too large.'],
  }),
  ...ofStatus(414, {
    uri_too_long: ['URI too long', 'The path is too long.'],
  }),
  ...ofStatus(415, {
    unsupported_media_type: ['Unsupported media type', 'Send `application/json`.'],
  }),
  ...ofStatus(422, {
    idempotency_key_reused: [
      'Idempotency-Key used before',
      'This `Idempotency-Key` was sent with another request. Make a new key for each request.',
    ],
  }),
  ...ofStatus(429, {
    rate_limited: ['Too many requests', 'Wait as many seconds as `Retry-After` says.'],
    sign_in_delayed: [
      'Too many failed sign-ins',
      'There were too many failed sign-ins for this account. Wait as many seconds as `Retry-After` says.',
    ],
    instance_busy: [
      'Too many requests to the instance',
      'So that no instance is flooded, its requests of all users are limited together. Wait as many seconds as `Retry-After` says.',
    ],
    too_many_event_clients: ['Too many connected clients', 'Close an event stream, or try again later.'],
  }),
  ...ofStatus(431, {
    headers_too_large: ['Header fields too large', 'The request headers are too large.'],
  }),
  ...ofStatus(500, {
    internal_error: [
      'Internal error',
      'Something went wrong on the server. Its log has details under the `requestId`.',
    ],
  }),
  ...ofStatus(502, {
    instance_failed: [
      'The instance failed',
      'The instance did not answer, or its answer cannot be passed on. `Proxy-Status` says why.',
    ],
    credential_echoed: [
      'The answer was withheld',
      'The answer of the instance contains the access token of the connection. The owner can see it in the audit trail.',
    ],
    proxy_loop: [
      'The request came back',
      'The connection leads to this server, or to another one like it. Its instance must be the one with the account.',
    ],
  }),
  ...ofStatus(503, {
    service_unavailable: [
      UNAVAILABLE,
      'Nothing was changed. Repeat the request after `Retry-After` seconds.',
    ],
    database_unavailable: [
      UNAVAILABLE,
      'The database cannot be reached. Nothing was changed. Try again shortly.',
    ],
    database_busy: [UNAVAILABLE, 'The database has too much to do. Nothing was changed. Try again shortly.'],
    cache_unavailable: [UNAVAILABLE, 'The cache cannot be reached. Try again shortly.'],
    audit_unavailable: [
      UNAVAILABLE,
      'The audit trail cannot be written, so nothing was done. Try again shortly.',
    ],
    issuer_unavailable: [UNAVAILABLE, 'The OpenID provider cannot be reached. Try again shortly.'],
    revocation_unconfirmed: [
      UNAVAILABLE,
      'The key is revoked, but a cached copy may remain. Repeat the request until it succeeds.',
    ],
    session_end_unconfirmed: [
      UNAVAILABLE,
      'The session is ended, but a cached copy may remain. Repeat the request until it succeeds.',
    ],
    shutting_down: [UNAVAILABLE, 'The process is shutting down. Reconnect.'],
  }),
  ...ofStatus(504, {
    instance_timeout: [
      'The instance did not answer in time',
      'Whether the instance has carried the request out is not known. A read may be repeated.',
    ],
  }),
};

export type ProblemCode = keyof typeof PROBLEM_TYPES;

/** By status, as in the table. */
export function listOfProblemTypes(): (ProblemType & { readonly code: string })[] {
  return Object.entries(PROBLEM_TYPES).map(([code, problemType]) => ({ code, ...problemType }));
}
