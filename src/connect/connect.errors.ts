import { DomainError, problem } from '../common/domain-error.js';

/** The same error whether the state is missing, unknown, used, expired or from another browser. */
export class InvalidConnectState extends problem(400, 'invalid_state', 'Connection not finished') {
  override readonly errors = [
    { pointer: '#state', detail: 'state does not belong to an attempt started in this browser' },
  ];

  constructor() {
    super('This attempt has expired or was started in another browser. Start again.');
  }
}

/** The instance or the user refused the connection, or it failed; `code` gives the reason. */
export class ConnectFailed extends DomainError {
  readonly status = 400;
  readonly title = 'Connection not finished';
  override readonly errors;

  constructor(
    readonly code: string,
    detail: string,
    pointer = '',
  ) {
    super(detail);
    this.errors = [{ pointer, detail }];
  }
}
