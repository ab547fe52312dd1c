import { type CallHandler, type ExecutionContext, Injectable, Logger } from '@nestjs/common';
import { HTTP_CODE_METADATA } from '@nestjs/common/constants.js';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Observable, catchError, concatMap, from, of, throwError } from 'rxjs';
import { faultText } from '../common/fault-text.js';
import type { AuthenticatedRequest } from '../http/auth/auth-user.js';
import type { NoFastLane } from '../http/fast-lane.js';
import { type Claim, underClaim } from './current-claim.js';
import { InvalidIdempotencyKey } from './idempotency.errors.js';
import { KEY_PASSES_ON_METADATA } from './key-passes-on.decorator.js';
import { type KeptReply, KeyedRequests } from './keyed-requests.js';
import { RUNS_AGAIN_METADATA } from './runs-again.decorator.js';

/** Taken as it is, with the quotation marks of those who write it as a structured string. */
const KEY = /^[!-~]{1,255}$/;
/** Headers of a reply that belong to its body. Nest and the hooks set all others each time. */
const KEPT_HEADERS = ['content-type', 'cache-control', 'etag', 'location', 'set-cookie'] as const;

/**
 * Carries out each POST with an `Idempotency-Key` once (draft-ietf-httpapi-idempotency-key-header). It runs after the guards:
 * a repetition needs the same right as the first request. Only success is stored; after an error nothing has changed, so the
 * request may run again.
 */
@Injectable()
export class IdempotencyInterceptor implements NoFastLane {
  readonly skipsFastLane = true;
  private readonly logger = new Logger('Idempotency');

  constructor(
    private readonly requests: KeyedRequests,
    private readonly reflector: Reflector,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    const { method, url, body, headers, user } = context.switchToHttp().getRequest<AuthenticatedRequest>();
    const { 'idempotency-key': key } = headers;
    if (method !== 'POST' || key === undefined) return next.handle();
    if (this.reflector.get<boolean | undefined>(KEY_PASSES_ON_METADATA, context.getHandler()) === true)
      return next.handle();
    if (typeof key !== 'string' || !KEY.test(key)) throw new InvalidIdempotencyKey();
    const handler = context.getHandler();
    const call = {
      userId: user?.id ?? null,
      key,
      request: JSON.stringify([method, url, body ?? null]),
      status: this.reflector.get<number | undefined>(HTTP_CODE_METADATA, handler) ?? 201,
    };
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    const runsAgain = this.reflector.get<boolean | undefined>(RUNS_AGAIN_METADATA, handler) === true;
    return from(this.requests.claim(call)).pipe(
      concatMap((claimed) =>
        'digest' in claimed ? this.carryOut(claimed, runsAgain, next, reply) : of(replayed(claimed, reply)),
      ),
    );
  }

  needsPipeline({ headers }: FastifyRequest): boolean {
    return headers['idempotency-key'] !== undefined;
  }

  private carryOut(
    claim: Claim,
    runsAgain: boolean,
    next: CallHandler,
    reply: FastifyReply,
  ): Observable<unknown> {
    const handled = new Observable((subscriber) =>
      underClaim(claim, () => next.handle().subscribe(subscriber)),
    );
    return handled.pipe(
      concatMap(async (body) => {
        const stored = runsAgain
          ? this.requests.release(claim)
          : this.requests.complete(claim, keptReply(body, reply));
        await stored.catch((error: unknown) => this.warn(error));
        return body;
      }),
      catchError((error: unknown) =>
        from(this.requests.forget(claim).catch((failure: unknown) => this.warn(failure))).pipe(
          concatMap(() => throwError(() => error)),
        ),
      ),
    );
  }

  /** The request itself is done, and its claim ends by itself. */
  private warn(error: unknown): void {
    this.logger.warn(
      `The reply of a request with an Idempotency-Key could not be stored: ${faultText(error)}`,
    );
  }
}

function keptReply(body: unknown, reply: FastifyReply): KeptReply {
  const headers: Record<string, string | string[]> = {};
  for (const name of KEPT_HEADERS) {
    const value = reply.getHeader(name);
    if (value !== undefined) headers[name] = typeof value === 'number' ? String(value) : value;
  }
  return { status: reply.statusCode, headers, body: textOf(body) };
}

function textOf(body: unknown): string | null {
  if (body === undefined) return null;
  return typeof body === 'string' ? body : JSON.stringify(body);
}

/** @returns what Nest sends: JSON text as it is. */
function replayed({ status, headers, body }: KeptReply, reply: FastifyReply): string | undefined {
  reply.code(status).headers({ ...headers, 'Idempotent-Replayed': 'true' });
  if (body === null) return undefined;
  reply.header('content-type', 'application/json; charset=utf-8');
  return body;
}
