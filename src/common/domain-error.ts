/** One fault in a request body, query or path. `pointer` is an RFC 6901 JSON pointer into the body, or `#name` of a parameter. */
export interface FieldProblem {
  readonly pointer: string;
  readonly detail: string;
}

/**
 * What a service throws when it cannot do what it was asked. Names no HTTP library: the problem filter turns it into
 * RFC 9457. `message` is shown to the caller, so it holds no secret and never says whose a resource is.
 */
export abstract class DomainError extends Error {
  abstract readonly code: string;
  abstract readonly status: number;
  /** Short, the same for every occurrence of `code`. */
  abstract readonly title: string;
  /** Whole seconds after which a retry can succeed; sent as `Retry-After`. */
  readonly retryAfterSeconds?: number;
  readonly errors?: readonly FieldProblem[];
  /** Response headers that belong to the error, such as `WWW-Authenticate`. */
  readonly headers?: Readonly<Record<string, string>>;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A value that is well-formed but refused, with the field that holds it. */
export class InvalidField extends DomainError {
  readonly code = 'validation_failed';
  readonly status = 400;
  readonly title = 'The request is not valid';
  override readonly errors: readonly FieldProblem[];

  constructor(errors: readonly FieldProblem[]) {
    super('One or more fields are not valid; see errors.');
    this.errors = errors;
  }
}

/** A dependency cannot answer in time. Nothing was changed; the caller may repeat the request. */
export class ServiceUnavailable extends DomainError {
  readonly code: string = 'service_unavailable';
  readonly status = 503;
  readonly title = 'Temporarily unavailable';
  /** `debug` for what says once, when it begins, that it is unavailable: a line for each request would bury that. */
  readonly logLevel: 'warn' | 'debug' = 'warn';
  override readonly retryAfterSeconds: number;

  constructor(message: string, retryAfterSeconds = 1, options?: ErrorOptions) {
    super(message, options);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}
