import { DomainError, problem } from '../common/domain-error.js';
import type { ProblemCode } from '../common/problem-types.js';

/**
 * The same error whether the state is missing, unknown, used or expired, or the response is not from the instance of its
 * attempt.
 */
export class InvalidConnectState extends problem(400, 'invalid_state', 'Connection not finished') {
  override readonly errors = [
    { pointer: '#state', detail: 'state does not belong to an attempt that waits for this instance' },
  ];

  constructor() {
    super('This attempt has expired or was already used. Start again.');
  }
}

/** The same error whether the attempt is unknown, used, expired, another user's or another browser's. */
export class AttemptNotFound extends problem(404, 'attempt_not_found', 'Connection attempt not found') {
  constructor() {
    super('This attempt has expired, was already used or was not started by you. Start again.');
  }
}

/** The same whether the link is unknown, used, revoked, expired, another browser's, or its owner's account has ended. */
export class ConnectLinkNotFound extends problem(404, 'connect_link_not_found', 'Link not valid') {
  constructor() {
    super('This link has expired, was already used, or was begun in another browser. Ask for a new one.');
  }
}

export class TooManyConnectLinks extends problem(409, 'too_many_connect_links', 'Too many connect links') {
  constructor(max: number) {
    super(`You already have ${max} links that can be used. Revoke some, or wait until they end.`);
  }
}

/** The instance or the user refused the connection, or it failed; `code` gives the reason. */
export class ConnectFailed extends DomainError {
  readonly status = 400;
  readonly title = 'Connection not finished';
  override readonly errors;

  constructor(
    readonly code: ProblemCode,
    detail: string,
    pointer = '',
  ) {
    super(detail);
    this.errors = [{ pointer, detail }];
  }
}
