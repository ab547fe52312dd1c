import type { components } from './schema.js';

export type Problem = Pick<components['schemas']['ProblemDto'], 'title' | 'status' | 'detail' | 'code'> &
  Partial<components['schemas']['ProblemDto']>;

/** The API refused the request. Carries the problem details of the response (RFC 9457). */
export class Refused extends Error {
  override readonly name = 'Refused';

  constructor(
    readonly problem: Problem,
    readonly retryAfterSeconds: number | null,
  ) {
    super(problem.detail);
  }

  /** The error for a field of the body, path or query. */
  of(field: string): string | undefined {
    return this.problem.errors?.find(({ pointer }) => pointer === `/${field}` || pointer === `#${field}`)
      ?.detail;
  }

  /** The message for the user, without the errors that are shown at these fields. */
  besides(fields: readonly string[]): string | undefined {
    const errors = this.problem.errors ?? [];
    const shown = errors.filter(({ pointer }) => fields.includes(pointer.slice(1)));
    if (errors.length > 0 && shown.length === errors.length) return undefined;
    const others = errors.filter((error) => !shown.includes(error)).map(({ detail }) => detail);
    const wait = this.retryAfterSeconds === null ? [] : [`Try again in ${this.retryAfterSeconds} s.`];
    return [this.problem.detail, ...others, ...wait].join(' ');
  }
}

/** No response: the network or the server is down. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';

  constructor(cause: unknown) {
    super('The server does not answer, so a change may not have been saved. Try again when it is back.', {
      cause,
    });
  }
}

export function refusal(response: Response, body: unknown): Refused {
  const retryAfter = Number(response.headers.get('Retry-After') ?? NaN);
  return new Refused(
    isProblem(body) ? body : problemWithoutBody(response.status),
    Number.isFinite(retryAfter) ? retryAfter : null,
  );
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'code' in body && 'detail' in body;
}

/** For a response without problem details, such as one from a proxy. */
function problemWithoutBody(status: number): Problem {
  return {
    title: 'Refused',
    status,
    code: 'unexplained',
    detail: `The server answered with status ${status}.`,
  };
}
