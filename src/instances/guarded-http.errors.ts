/**
 * An outgoing request got no usable response. Users see the messages, so they must not reveal what is behind an address:
 * they contain no name, address, port or error code.
 */
export abstract class OutgoingRequestError extends Error {
  abstract readonly reason: 'blocked_address' | 'instance_unreachable' | 'instance_error';

  constructor(message: string) {
    super(message);
    this.name = new.target.name;
  }
}

/** No connection was made: the address is not public, or its scheme or port is not allowed. */
export class BlockedAddress extends OutgoingRequestError {
  readonly reason = 'blocked_address';

  constructor() {
    super('Connections to this address are not allowed.');
  }
}

/** The name does not resolve, nothing listens, the certificate is not trusted, or the connection broke. */
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

/** The response is too large, or is not valid HTTP. */
export class UnusableResponse extends OutgoingRequestError {
  readonly reason = 'instance_error';

  constructor(message = 'The instance sent an invalid response.') {
    super(message);
  }
}
