import { DomainError, ServiceUnavailable } from '../common/domain-error.js';
import type { Access } from '../http/auth/access.js';
import { SCOPES } from '../http/auth/auth-user.js';

// Every 401 must name a scheme (RFC 9110, section 11.6.1), followed by at least one parameter (RFC 6750, section 3).
const CHALLENGE = 'Bearer realm="platform-manager"';

abstract class Unauthorized extends DomainError {
  readonly status = 401;
  override readonly headers: Readonly<Record<string, string>> = { 'WWW-Authenticate': CHALLENGE };
}

/** The request has no credentials. */
export class Unauthenticated extends Unauthorized {
  readonly code = 'unauthenticated';
  readonly title = 'Not signed in';

  constructor(message = 'This needs an access token: Authorization: Bearer <token>.') {
    super(message);
  }
}

/** The token is expired, forged or malformed, or its account was deleted. */
export class InvalidAccessToken extends Unauthenticated {
  override readonly headers = { 'WWW-Authenticate': `${CHALLENGE}, error="invalid_token"` };

  constructor() {
    super('The access token is expired or not valid.');
  }
}

/** Identical for an unknown address and a wrong password, so it does not reveal which accounts exist. */
export class InvalidCredentials extends Unauthorized {
  readonly code = 'invalid_credentials';
  readonly title = 'Sign-in failed';

  constructor() {
    super('The e-mail address or the password is wrong.');
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
export class LocalAccountsDisabled extends DomainError {
  readonly code = 'local_accounts_disabled';
  readonly status = 403;
  readonly title = 'Local accounts disabled';

  constructor() {
    super('This server has no local accounts. Sign in with its OpenID provider.');
  }
}

/** The caller is authenticated but not authorized. */
export class Forbidden extends DomainError {
  readonly code = 'forbidden';
  readonly status = 403;
  readonly title = 'Not allowed';
  override readonly headers: Readonly<Record<string, string>>;

  constructor(required: Exclude<Access, 'public'>) {
    super('The credentials do not permit this.');
    const scope = SCOPES.some((one) => one === required) ? `, scope="${required}"` : '';
    this.headers = { 'WWW-Authenticate': `${CHALLENGE}, error="insufficient_scope"${scope}` };
  }
}

/** Identical for an absent key and another user's key. */
export class ApiKeyNotFound extends DomainError {
  readonly code = 'api_key_not_found';
  readonly status = 404;
  readonly title = 'API key not found';

  constructor() {
    super('No API key has this id.');
  }
}

export class TooManyApiKeys extends DomainError {
  readonly code = 'too_many_api_keys';
  readonly status = 409;
  readonly title = 'Too many API keys';

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
