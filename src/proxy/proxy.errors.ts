import { problem } from '../common/domain-error.js';
import {
  BlockedAddress,
  InstanceTimeout,
  type OutgoingRequestError,
  UnusableResponse,
} from '../instances/guarded-http.errors.js';
import { PROXY_STATUS, type ProxyError, failedBy } from './proxy-status.js';

/** The instance did not answer, or its answer cannot be passed on. */
export class InstanceFailed extends problem(502, 'instance_failed', 'The instance failed') {
  override readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly error: ProxyError,
    detail: string,
  ) {
    super(detail);
    this.headers = { [PROXY_STATUS]: failedBy(error) };
  }
}

export class InstanceTooSlow extends problem(504, 'instance_timeout', 'The instance did not answer in time') {
  override readonly headers = { [PROXY_STATUS]: failedBy('http_response_timeout') };

  constructor() {
    super('The instance did not answer in time. Whether it has carried the request out is not known.');
  }
}

/** Never says where, or how much of it. */
export class CredentialEchoed extends problem(502, 'credential_echoed', 'The answer was withheld') {
  override readonly headers = { [PROXY_STATUS]: failedBy('proxy_internal_error') };

  constructor() {
    super("The instance's answer contains the access token of the connection, so it was not passed on.");
  }
}

export class ProxyLoop extends problem(502, 'proxy_loop', 'The request came back') {
  override readonly headers = { [PROXY_STATUS]: failedBy('proxy_loop_detected') };

  constructor() {
    super('The request has passed through a server like this one before.');
  }
}

export class BodyTooLarge extends problem(413, 'payload_too_large', 'Payload too large') {
  override readonly headers = { [PROXY_STATUS]: failedBy('http_request_error') };

  constructor(maxBytes: number) {
    super(`The request body is too large: ${Math.floor(maxBytes / 1024)} KiB at most.`);
  }
}

export class CallerTooSlow extends problem(408, 'request_timeout', 'Request time-out') {
  override readonly headers = { [PROXY_STATUS]: failedBy('http_request_error') };

  constructor() {
    super('The request did not arrive in time.');
  }
}

/** Of all users and processes together. */
export class InstanceBusy extends problem(429, 'instance_busy', 'Too many requests to the instance') {
  override readonly headers = { [PROXY_STATUS]: failedBy('connection_limit_reached') };

  constructor(override readonly retryAfterSeconds: number) {
    super('This server has enough requests at the instance. Try again later.');
  }
}

export function instanceFailure(error: OutgoingRequestError): InstanceFailed | InstanceTooSlow {
  if (error instanceof InstanceTimeout) return new InstanceTooSlow();
  if (error instanceof BlockedAddress) return new InstanceFailed('destination_ip_prohibited', error.message);
  if (error instanceof UnusableResponse) return new InstanceFailed('http_protocol_error', error.message);
  return new InstanceFailed('destination_unavailable', error.message);
}
