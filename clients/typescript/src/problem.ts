import type { components } from './schema.js';

export type FieldProblem = components['schemas']['FieldProblemDto'];
type ProblemDto = components['schemas']['ProblemDto'];

/** The API refused the request. Carries the problem details of the response (RFC 9457). */
export class Problem extends Error {
  override readonly name = 'Problem';
  /** Stable; meant for programs. `unexplained` for a response without problem details, such as one from a proxy. */
  readonly code: string;
  readonly title: string;
  /** To be found in the server's log. Null if a proxy answered. */
  readonly requestId: string | null;
  /** On 400: each invalid field and why. */
  readonly errors: readonly FieldProblem[];
  /** After what time another attempt makes sense, if the server says so. */
  readonly retryAfterSeconds: number | null;

  constructor(
    readonly status: number,
    body: Partial<ProblemDto> = {},
    retryAfterSeconds: number | null = null,
  ) {
    super(body.detail ?? `The server answered with status ${status}.`);
    this.code = body.code ?? 'unexplained';
    this.title = body.title ?? 'Refused';
    this.requestId = body.requestId ?? null;
    this.errors = body.errors ?? [];
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** Why a field of the body, path or query is invalid: `of('name')`, `of('policy/paths/0')`. */
  of(field: string): string | undefined {
    return this.errors.find(({ pointer }) => pointer.slice(1) === field)?.detail;
  }
}

/** No response: the network or the server is down, or the response took too long. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';

  constructor(cause: unknown) {
    super('The server does not answer, so a change may not have been saved. Try again when it is back.', {
      cause,
    });
  }
}

/** @param body the parsed body of the response, of whatever shape. */
export function toProblem(response: Response, body: unknown): Problem {
  return new Problem(response.status, isProblem(body) ? body : {}, retryAfterSeconds(response));
}

/** Null without the header, and for one that holds a date, which this API does not send. */
export function retryAfterSeconds(response: Response): number | null {
  const text = response.headers.get('Retry-After') ?? '';
  return /^\d+$/.test(text) ? Number(text) : null;
}

function isProblem(body: unknown): body is Partial<ProblemDto> {
  return typeof body === 'object' && body !== null && 'code' in body && 'detail' in body;
}
