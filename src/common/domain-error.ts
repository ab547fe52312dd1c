import type { ProblemCode } from './problem-types.js';

/** One fault in a request. `pointer` is a JSON pointer into the body (RFC 6901), or `#name` for a query or path parameter. */
export interface FieldProblem {
  readonly pointer: string;
  readonly detail: string;
}

/**
 * Thrown by a service that cannot carry out a request. It knows no HTTP library: the problem filter renders it as
 * RFC 9457. Clients see `message`, so it holds no secret and never reveals who owns a resource.
 */
export abstract class DomainError extends Error {
  abstract readonly code: ProblemCode;
  abstract readonly status: number;
  /** Short, the same for every occurrence of `code`. */
  abstract readonly title: string;
  /** Whole seconds until a retry can succeed. Sent as `Retry-After`. */
  readonly retryAfterSeconds?: number;
  readonly errors?: readonly FieldProblem[];
  /** Response headers that belong to the error, such as `WWW-Authenticate`. */
  readonly headers?: Readonly<Record<string, string>>;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The base of the errors that share a status, a `code` and a title. */
export function problem(status: number, code: ProblemCode, title: string) {
  return class extends DomainError {
    readonly status = status;
    readonly code: ProblemCode = code;
    readonly title = title;
  };
}

export const UNKNOWN_FIELD = 'is not a known field';
export const UNKNOWN_PARAMETER = 'is not a known query parameter';

/** Field problems in one answer. */
const MAX_SHOWN = 20;

/** A well-formed value that was rejected, with the field that holds it. */
export class InvalidField extends problem(400, 'validation_failed', 'The request is not valid') {
  override readonly errors: readonly FieldProblem[];

  /** @param errors of which the first 20 are shown. */
  constructor(errors: readonly FieldProblem[]) {
    super('One or more fields are not valid; see errors.');
    this.errors = errors.slice(0, MAX_SHOWN);
  }
}

/** A dependency cannot answer in time. Nothing was changed, so the client may repeat the request. */
export class ServiceUnavailable extends DomainError {
  readonly code: ProblemCode = 'service_unavailable';
  readonly status = 503;
  readonly title = 'Temporarily unavailable';
  /** `debug` if the outage itself is logged once, when it begins: a line per request would bury that one. */
  readonly logLevel: 'warn' | 'debug' = 'warn';
  override readonly retryAfterSeconds: number;

  constructor(message: string, retryAfterSeconds = 1, options?: ErrorOptions) {
    super(message, options);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
