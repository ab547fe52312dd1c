import type { components } from './schema.js';

export type Problem = Pick<components['schemas']['ProblemDto'], 'title' | 'status' | 'detail' | 'code'> &
  Partial<components['schemas']['ProblemDto']>;

/** What the API refused, in its own words (RFC 9457). */
export class Refused extends Error {
  override readonly name = 'Refused';

  constructor(
    readonly problem: Problem,
    readonly retryAfterSeconds: number | null,
  ) {
    super(problem.detail);
  }

  /** What is wrong with a field, be it of the body, the path or the query. */
  of(field: string): string | undefined {
    return this.problem.errors?.find(({ pointer }) => pointer === `/${field}` || pointer === `#${field}`)
      ?.detail;
  }

  /** For people, without what is shown at one of these fields. */
  besides(fields: readonly string[]): string | undefined {
    const errors = this.problem.errors ?? [];
    const shown = errors.filter(({ pointer }) => fields.includes(pointer.slice(1)));
    if (errors.length > 0 && shown.length === errors.length) return undefined;
    const others = errors.filter((error) => !shown.includes(error)).map(({ detail }) => detail);
    const wait = this.retryAfterSeconds === null ? [] : [`Try again in ${this.retryAfterSeconds} s.`];
    return [this.problem.detail, ...others, ...wait].join(' ');
  }
}

/** No answer came: the network, or the server, is away. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';

  constructor(cause: unknown) {
    super('The server does not answer. Nothing is known to have changed; try again when it is back.', {
      cause,
    });
  }
}

export function refusal(response: Response, body: unknown): Refused {
  const retryAfter = Number(response.headers.get('Retry-After') ?? NaN);
  return new Refused(
    isProblem(body) ? body : unexplained(response.status),
    Number.isFinite(retryAfter) ? retryAfter : null,
  );
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'code' in body && 'detail' in body;
}

/** Of a proxy in between, for one. */
function unexplained(status: number): Problem {
  return {
    title: 'Refused',
    status,
    code: 'unexplained',
    detail: `The server answered with status ${status}.`,
  };
}
