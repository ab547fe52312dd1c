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
