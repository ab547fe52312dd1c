/**
 * Why an outgoing request brought no answer. The messages are for users and are the same whatever lies behind the
 * address: no name, address, port or error code in them.
 */
export abstract class OutgoingRequestError extends Error {
  abstract readonly reason: 'blocked_address' | 'instance_unreachable' | 'instance_error';

  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** No connection was made: the address is not a public one, or scheme or port are not allowed. */
export class BlockedAddress extends OutgoingRequestError {
  readonly reason = 'blocked_address';

  constructor() {
    super('This address is not one that may be connected to.');
  }
}

/** The name is unknown, nothing answers, the certificate is not trusted, or the connection broke. */
export class InstanceUnreachable extends OutgoingRequestError {
  readonly reason = 'instance_unreachable';

  constructor(message = 'The instance cannot be reached.') {
    super(message);
  }
}

export class InstanceTimeout extends InstanceUnreachable {
  constructor() {
    super('The instance did not answer in time.');
  }
}

/** Something answered that is larger than any answer of use, or no HTTP. */
export class UnusableAnswer extends OutgoingRequestError {
  readonly reason = 'instance_error';

  constructor(message = 'The instance gave an answer that cannot be read.') {
    super(message);
  }
}
