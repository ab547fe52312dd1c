import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { DomainError, ServiceUnavailable } from '../common/domain-error.js';
import { databaseCode, framesOf } from '../common/fault-text.js';
import { PROBLEM_TYPES, type ProblemCode } from '../common/problem-types.js';
import { problemType } from './problem-type.js';

type Problem = Pick<DomainError, 'status' | 'code' | 'title' | 'errors' | 'retryAfterSeconds' | 'headers'> & {
  readonly detail: string;
};

// For requests that Nest or Fastify reject themselves. Their own texts are not shown: some repeat the input.
const TRANSPORT_CODES: Readonly<Record<number, ProblemCode>> = {
  400: 'malformed_request',
  404: 'route_not_found',
  405: 'method_not_allowed',
  408: 'request_timeout',
  413: 'payload_too_large',
  414: 'uri_too_long',
  415: 'unsupported_media_type',
  431: 'headers_too_large',
  503: 'service_unavailable',
};

/** The only place that turns errors into HTTP: RFC 9457. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    sendProblem(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }
}

/** Also Fastify's own error handler, for requests that fail before they reach Nest. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = toProblem(error);
  if (problem.status >= 500) {
    const level =
      error instanceof ServiceUnavailable ? error.logLevel : error instanceof DomainError ? 'warn' : 'error';
    request.log[level]({ reqId: request.id, error: describe(error), code: problem.code }, 'request failed');
  }
  // The answer is already being sent.
  if (reply.sent) return;
  if (problem.retryAfterSeconds !== undefined) reply.header('Retry-After', String(problem.retryAfterSeconds));
  for (const [name, value] of Object.entries(problem.headers ?? {})) reply.header(name, value);
  const path = request.originalUrl.split('?', 1)[0] ?? '';
  void reply
    .code(problem.status)
    .header('Content-Type', 'application/problem+json; charset=utf-8')
    .header('Cache-Control', 'no-store')
    .send(
      JSON.stringify({
        type: problemType(request.server, problem.code),
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

/** The body for input that is not even a request, so it has neither path nor id. */
export function problemText(
  error: unknown,
  server: Parameters<typeof problemType>[0],
): { readonly status: number; readonly body: string } {
  const { status, code, title, detail, errors } = toProblem(error);
  const type = problemType(server, code);
  const body = JSON.stringify({ type, title, status, detail, instance: '', code, requestId: '', errors });
  return { status, body };
}

function toProblem(error: unknown): Problem {
  if (error instanceof DomainError) {
    const { status, code, title, message, errors, retryAfterSeconds, headers } = error;
    return { status, code, title, detail: message, errors, retryAfterSeconds, headers };
  }
  const status =
    error instanceof HttpException ? error.getStatus() : (error as Partial<FastifyError>)?.statusCode;
  const code = (status === undefined ? undefined : TRANSPORT_CODES[status]) ?? 'internal_error';
  const { meaning, ...shown } = PROBLEM_TYPES[code];
  const detail = meaning.replaceAll('`', '');
  // As a field problem too, so that every 400 has `errors`.
  return { ...shown, code, detail, ...(shown.status === 400 && { errors: [{ pointer: '', detail }] }) };
}

/** Class, stack and cause of an error. PostgreSQL's messages can quote a row, so only their code is logged. */
function describe(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error };
  const code = 'code' in error ? error.code : undefined;
  return {
    type: error.name,
    ...(typeof code === 'string' && { code }),
    ...(databaseCode(error) === null && { message: error.message }),
    stack: framesOf(error).slice(0, 12).join('\n'),
    ...(error.cause instanceof Error && { cause: describe(error.cause) }),
  };
}
