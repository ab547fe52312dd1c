import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { DomainError, ServiceUnavailable } from '../common/domain-error.js';

type Problem = Pick<DomainError, 'status' | 'code' | 'title' | 'errors' | 'retryAfterSeconds' | 'headers'> & {
  readonly detail: string;
};

// For requests that Nest or Fastify reject themselves. Their own texts are not shown: some repeat the input.
const TRANSPORT_PROBLEMS: Readonly<Record<number, Omit<Problem, 'status'>>> = {
  400: {
    code: 'malformed_request',
    title: 'Malformed request',
    detail: 'The request cannot be parsed; a body must be valid JSON.',
  },
  404: { code: 'route_not_found', title: 'Not found', detail: 'There is no such route.' },
  405: {
    code: 'method_not_allowed',
    title: 'Method not allowed',
    detail: 'This route does not support the method.',
  },
  408: {
    code: 'request_timeout',
    title: 'Request time-out',
    detail: 'The request did not arrive in time.',
  },
  413: {
    code: 'payload_too_large',
    title: 'Payload too large',
    detail: 'The request body is too large.',
  },
  414: { code: 'uri_too_long', title: 'URI too long', detail: 'The path is too long.' },
  415: { code: 'unsupported_media_type', title: 'Unsupported media type', detail: 'Send application/json.' },
  431: {
    code: 'headers_too_large',
    title: 'Header fields too large',
    detail: 'The request headers are too large.',
  },
  503: { code: 'service_unavailable', title: 'Temporarily unavailable', detail: 'Try again shortly.' },
};

const INTERNAL: Problem = {
  status: 500,
  code: 'internal_error',
  title: 'Internal error',
  detail: 'Something went wrong on the server. The log has details under this request id.',
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

/** The body for input that is not even a request, so it has neither path nor id. */
export function problemText(error: unknown): { readonly status: number; readonly body: string } {
  const { status, code, title, detail, errors } = toProblem(error);
  const type = `urn:platform-manager:problem:${code}`;
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
  const transport = status === undefined ? undefined : TRANSPORT_PROBLEMS[status];
  if (status === undefined || transport === undefined) return INTERNAL;
  // As a field problem too, so that every 400 has `errors`.
  if (status === 400) return { status, ...transport, errors: [{ pointer: '', detail: transport.detail }] };
  return { status, ...transport };
}

/** Class, stack and cause of an error. PostgreSQL's messages can quote a row, so only their code is logged. */
function describe(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error };
  const code = 'code' in error ? error.code : undefined;
  return {
    type: error.name,
    ...(typeof code === 'string' && { code }),
    ...(error.name === 'QueryFailedError' ? {} : { message: error.message }),
    // Only the frames: the message before them may have several lines.
    stack: error.stack
      ?.split('\n')
      .filter((line) => /^\s+at /.test(line))
      .slice(0, 12)
      .join('\n'),
    ...(error.cause instanceof Error && { cause: describe(error.cause) }),
  };
}
