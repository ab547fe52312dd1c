import { DomainError } from '../common/domain-error.js';

/** The same for a state that is missing, unknown, used, expired, or of another browser. */
export class InvalidConnectState extends DomainError {
  readonly code = 'invalid_state';
  readonly status = 400;
  readonly title = 'Connection not finished';
  override readonly errors = [
    { pointer: '#state', detail: 'state is not that of an attempt begun in this browser' },
  ];

  constructor() {
    super('This attempt to connect is over, or was begun in another browser. Start again.');
  }
}

/** The instance, or its user, did not let the connection come about; `code` says why. */
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
