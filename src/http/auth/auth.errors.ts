import { DomainError, problem } from '../../common/domain-error.js';
import type { Access } from './access.js';
import { SCOPES } from './auth-user.js';

// Every 401 must name a scheme (RFC 9110, section 11.6.1), followed by at least one parameter (RFC 6750, section 3).
const CHALLENGE = 'Bearer realm="platform-manager"';

export abstract class Unauthorized extends DomainError {
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

/** The API key is not good for this request, or from this address, or for this platform connection, whether it exists or not. */
export class PolicyRefused extends problem(403, 'policy_refused', "Refused by the API key's policy") {
  constructor(detail = 'The API key is limited to other platform connections, or to other addresses.') {
    super(detail);
  }
}

/** A stolen access token gets no further than this. */
export class RecentSignInRequired extends problem(403, 'recent_sign_in_required', 'Confirm that it is you') {
  constructor() {
    super('This needs a sign-in of the last ten minutes. Confirm that it is you, and repeat the request.');
  }
}

/** Where administrators must have a second factor. Their own account and connections stay within reach, to set one up. */
export class AdminFactorMissing extends problem(403, 'admin_factor_missing', 'Second factor to be set up') {
  constructor() {
    super(
      'Administrators here need a second factor. Add a passkey or an authenticator app to your account first.',
    );
  }
}

/** The caller is authenticated but not authorized. */
export class Forbidden extends problem(403, 'forbidden', 'Not allowed') {
  override readonly headers: Readonly<Record<string, string>>;

  constructor(required: Exclude<Access, 'public'>) {
    super('The credentials do not permit this.');
    const scope = SCOPES.some((one) => one === required) ? `, scope="${required}"` : '';
    this.headers = { 'WWW-Authenticate': `${CHALLENGE}, error="insufficient_scope"${scope}` };
  }
}
