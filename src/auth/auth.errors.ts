import { type FieldProblem, problem, ServiceUnavailable } from '../common/domain-error.js';
import { Unauthorized } from '../http/auth/auth.errors.js';

/** Identical for an unknown address and a wrong password, so it does not reveal which accounts exist. */
export class InvalidCredentials extends Unauthorized {
  readonly code = 'invalid_credentials';
  readonly title = 'Sign-in failed';

  constructor() {
    super('The e-mail address or the password is wrong.');
  }
}

/** Not 401: the access token is good, and a client that refreshed it would be refused again. */
export class WrongPassword extends problem(403, 'wrong_password', 'Wrong password') {
  constructor() {
    super('The current password is wrong.');
  }
}

export class SessionCookieRefused extends problem(
  403,
  'session_cookie_refused',
  'Not a page of this server',
) {
  constructor() {
    super(
      '`Session-Cookie` is for pages of this server. The browser must say `Sec-Fetch-Site: same-origin`.',
    );
  }
}

/** Told only to somebody who has the right password. */
export class AccountDisabled extends problem(403, 'sign_in_disabled', 'Account disabled') {
  constructor() {
    super('This account is disabled. Ask an administrator of this server.');
  }
}

/** Identical for an account that exists and one that does not. */
export class SignInDelayed extends problem(429, 'sign_in_delayed', 'Too many failed sign-ins') {
  /** @param retryAfterSeconds a whole number. */
  constructor(override readonly retryAfterSeconds: number) {
    super('There were too many failed sign-ins for this account. Wait a moment before the next one.');
  }
}

/** Identical for an unknown, expired, revoked or reused token. */
export class InvalidRefreshToken extends Unauthorized {
  readonly code = 'invalid_refresh_token';
  readonly title = 'Session ended';

  constructor() {
    super('The refresh token is no longer valid. Sign in again.');
  }
}

/** Users sign in with the OpenID provider instead. */
export class LocalAccountsDisabled extends problem(
  403,
  'local_accounts_disabled',
  'Local accounts disabled',
) {
  constructor() {
    super('This server has no local accounts. Sign in with its OpenID provider.');
  }
}

/** Accounts are made by the operator only. */
export class RegistrationClosed extends problem(403, 'registration_closed', 'Registration closed') {
  constructor() {
    super('This server accepts no new accounts.');
  }
}

/** Identical for an absent key and another user's key. */
export class ApiKeyNotFound extends problem(404, 'api_key_not_found', 'API key not found') {
  constructor() {
    super('No API key has this id.');
  }
}

export class TooManyApiKeys extends problem(409, 'too_many_api_keys', 'Too many API keys') {
  constructor(max: number) {
    super(`You already have ${max} API keys. Revoke one that you no longer need.`);
  }
}

/** The key is revoked in the database, but a process that still reaches the cache may accept it for a while. */
export class RevocationUnconfirmed extends ServiceUnavailable {
  override readonly code = 'revocation_unconfirmed';

  constructor() {
    super(
      'The key is revoked, but its cached copy could not be dropped. Repeat the request until it succeeds.',
    );
  }
}

/** Identical for an unknown, expired and used token, and for one of another kind. */
export class InvalidLink extends problem(400, 'invalid_link', 'Link not valid') {
  override readonly errors: readonly FieldProblem[] = [
    { pointer: '/token', detail: 'token has expired or was already used' },
  ];

  constructor() {
    super('The link has expired or was already used. Ask for a new one.');
  }
}
