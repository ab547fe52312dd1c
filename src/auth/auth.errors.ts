import { DomainError, ServiceUnavailable } from '../common/domain-error.js';
import type { Access } from '../http/auth/access.js';
import { SCOPES } from '../http/auth/auth-user.js';

// RFC 9110, 11.6.1: every 401 names a scheme; RFC 6750, section 3: at least one parameter follows it.
const CHALLENGE = 'Bearer realm="platform-manager"';

abstract class Unauthorized extends DomainError {
  readonly status = 401;
  override readonly headers: Readonly<Record<string, string>> = { 'WWW-Authenticate': CHALLENGE };
}

/** The request names nobody. */
export class Unauthenticated extends Unauthorized {
  readonly code = 'unauthenticated';
  readonly title = 'Not signed in';

  constructor(message = 'This needs an access token: Authorization: Bearer <token>.') {
    super(message);
  }
}

/** A token came, and is expired, forged, malformed or of an account that is gone. */
export class InvalidAccessToken extends Unauthenticated {
  override readonly headers = { 'WWW-Authenticate': `${CHALLENGE}, error="invalid_token"` };

  constructor() {
    super('The access token is expired or not valid.');
  }
}

/** The same for an unknown address and a wrong password. */
export class InvalidCredentials extends Unauthorized {
  readonly code = 'invalid_credentials';
  readonly title = 'Sign-in refused';

  constructor() {
    super('The e-mail address or the password is wrong.');
  }
}

/** The same for an unknown, expired, revoked and reused token. */
export class InvalidRefreshToken extends Unauthorized {
  readonly code = 'invalid_refresh_token';
  readonly title = 'Session over';

  constructor() {
    super('The refresh token is not valid any more. Sign in again.');
  }
}

/** People sign in with the OpenID provider instead. */
export class LocalAccountsDisabled extends DomainError {
  readonly code = 'local_accounts_disabled';
  readonly status = 403;
  readonly title = 'No accounts here';

  constructor() {
    super('This server keeps no accounts of its own. Sign in with its OpenID provider.');
  }
}

/** The caller is known and may not do this. */
export class Forbidden extends DomainError {
  readonly code = 'forbidden';
  readonly status = 403;
  readonly title = 'Not allowed';
  override readonly headers: Readonly<Record<string, string>>;

  constructor(required: Exclude<Access, 'public'>) {
    super('The credentials do not permit this.');
    const scope = SCOPES.some((known) => known === required) ? `, scope="${required}"` : '';
    this.headers = { 'WWW-Authenticate': `${CHALLENGE}, error="insufficient_scope"${scope}` };
  }
}

/** The same for an absent key and another user's. */
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
    super(`There are ${max} API keys already. Revoke one that is no longer needed.`);
  }
}

/** The key is revoked in the database, but a process that still reaches the cache may admit it for a while. */
export class RevocationUnconfirmed extends ServiceUnavailable {
  override readonly code = 'revocation_unconfirmed';

  constructor() {
    super('The key is revoked, but the cache could not be told. Repeat the request until it succeeds.');
  }
}
