import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { DomainError, ServiceUnavailable, type FieldProblem } from '../common/domain-error.js';

interface Problem {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly errors?: readonly FieldProblem[];
  readonly retryAfterSeconds?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

// What Nest and Fastify refuse by themselves. Their own texts are not shown: some repeat what was sent.
const TRANSPORT_PROBLEMS: Readonly<Record<number, Omit<Problem, 'status'>>> = {
  400: {
    code: 'malformed_request',
    title: 'Malformed request',
    detail: 'The request cannot be read; a body must be valid JSON.',
  },
  404: { code: 'route_not_found', title: 'Not found', detail: 'There is no such route.' },
  405: {
    code: 'method_not_allowed',
    title: 'Method not allowed',
    detail: 'The route does not know this method.',
  },
  408: {
    code: 'request_timeout',
    title: 'Request time-out',
    detail: 'The request was not received in time.',
  },
  413: {
    code: 'payload_too_large',
    title: 'Payload too large',
    detail: 'The request body is larger than is accepted.',
  },
  414: { code: 'uri_too_long', title: 'URI too long', detail: 'The path is longer than is accepted.' },
  415: { code: 'unsupported_media_type', title: 'Unsupported media type', detail: 'Send application/json.' },
  431: {
    code: 'headers_too_large',
    title: 'Header fields too large',
    detail: 'The request headers are larger than is accepted.',
  },
  503: { code: 'service_unavailable', title: 'Temporarily unavailable', detail: 'Try again shortly.' },
};

const INTERNAL: Problem = {
  status: 500,
  code: 'internal_error',
  title: 'Internal error',
  detail: 'Something went wrong here. The request id finds it in the log.',
};

/** The one place that knows how errors look over HTTP: RFC 9457. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    sendProblem(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }
}

/** Also Fastify's own error handler, for what fails before Nest is asked. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = toProblem(error);
  if (problem.status >= 500) {
    const level =
      error instanceof ServiceUnavailable ? error.logLevel : error instanceof DomainError ? 'warn' : 'error';
    request.log[level]({ reqId: request.id, error: describe(error), code: problem.code }, 'request failed');
  }
  // Nothing can be added to an answer that is under way.
  if (reply.sent) return;
  if (problem.retryAfterSeconds !== undefined) reply.header('Retry-After', String(problem.retryAfterSeconds));
  for (const [name, value] of Object.entries(problem.headers ?? {})) reply.header(name, value);
  const path = request.url.split('?', 1)[0] ?? '';
  void reply
    .code(problem.status)
    .header('Content-Type', 'application/problem+json; charset=utf-8')
    .header('Cache-Control', 'no-store')
    .send(
      JSON.stringify({
        type: `urn:platform-manager:problem:${problem.code}`,
        title: problem.title,
        status: problem.status,
        detail: problem.detail,
        instance: path,
        code: problem.code,
        requestId: request.id,
        ...(problem.errors !== undefined && { errors: problem.errors }),
      }),
    );
}

/** The text of an answer to what is not even a request, so that it has neither path nor id. */
export function problemText(status: number): string {
  const { code, title, detail, errors } = toProblem({ statusCode: status });
  const type = `urn:platform-manager:problem:${code}`;
  return JSON.stringify({ type, title, status, detail, instance: '', code, requestId: '', errors });
}

function toProblem(error: unknown): Problem {
  if (error instanceof DomainError) {
    const { status, code, title, message, errors, retryAfterSeconds, headers } = error;
    return { status, code, title, detail: message, errors, retryAfterSeconds, headers };
  }
  const status =
    error instanceof HttpException ? error.getStatus() : (error as Partial<FastifyError>)?.statusCode;
  const transport = status === undefined ? undefined : TRANSPORT_PROBLEMS[status];
  if (status === undefined || transport === undefined) return INTERNAL;
  // Told as a field problem too, so that every 400 has `errors`.
  if (status === 400) return { status, ...transport, errors: [{ pointer: '', detail: transport.detail }] };
  return { status, ...transport };
}

/** Class, place and cause of an error. A message of PostgreSQL can quote a row, so it is reduced to its code. */
function describe(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error };
  const code = 'code' in error ? error.code : undefined;
  return {
    type: error.name,
    ...(typeof code === 'string' && { code }),
    ...(error.name === 'QueryFailedError' ? {} : { message: error.message }),
    // The frames only: before them stands the message, which may have several lines.
    stack: error.stack
      ?.split('\n')
      .filter((line) => /^\s+at /.test(line))
      .slice(0, 12)
      .join('\n'),
    ...(error.cause instanceof Error && { cause: describe(error.cause) }),
  };
}
