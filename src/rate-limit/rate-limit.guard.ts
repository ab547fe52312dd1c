import { createHash } from 'node:crypto';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply } from 'fastify';
import type { AuthenticatedRequest, AuthUser } from '../common/auth/auth-user.js';
import { RATE_LIMIT_METADATA, type RateLimitClass } from '../common/rate-limit.decorator.js';
import { AppConfig } from '../config/app-config.js';
import { addressKey } from './address-key.js';
import { RateLimited } from './rate-limit.errors.js';
import { sendVerdict } from './rate-limit-headers.js';
import { RateLimiter, type Verdict } from './rate-limiter.js';

/** How much more a log-in name gets than an address: whoever tries a name from many addresses is slowed down too. */
const NAME_FACTOR = 5;

/** Limits by user, after AuthenticatedGuard has found out who it is, and the strict ones. */
@Injectable()
export class RateLimitGuard implements CanActivate {
  readonly #classes = new WeakMap<object, RateLimitClass | null>();

  constructor(
    private readonly reflector: Reflector,
    private readonly limiter: RateLimiter,
    private readonly config: AppConfig,
  ) {}

  /** @throws {RateLimited} also as a rejection. */
  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const { enabled } = this.config.rateLimits;
    if (!enabled || context.getType() !== 'http') return true;
    const http = context.switchToHttp();
    const request = http.getRequest<AuthenticatedRequest>();
    const reply = http.getResponse<FastifyReply>();
    if (request.user !== undefined) this.admitUser(request.user, reply);
    if (this.classOf(context) === null) return true;
    return this.strictly(`${context.getClass().name}.${context.getHandler().name}`, request, reply);
  }

  /** @throws {RateLimited} */
  admitUser({ id }: AuthUser, reply: FastifyReply): void {
    const { enabled, userPerMinute } = this.config.rateLimits;
    if (enabled) admit(this.limiter.take(`rate_limit:user:${id}`, userPerMinute), reply);
  }

  private async strictly(route: string, request: AuthenticatedRequest, reply: FastifyReply): Promise<true> {
    const limit = this.config.rateLimits.strictPerMinute;
    const { user } = request;
    const name = user === undefined ? nameOf(request.body) : null;
    const prefix = `rate_limit:strict:${route}`;
    const verdicts = await Promise.all([
      this.limiter.takeExactly(`${prefix}:address:${addressKey(request.ip)}`, limit),
      ...(user === undefined ? [] : [this.limiter.takeExactly(`${prefix}:user:${user.id}`, limit)]),
      ...(name === null ? [] : [this.limiter.takeExactly(`${prefix}:name:${name}`, limit * NAME_FACTOR)]),
    ]);
    for (const verdict of verdicts) admit(verdict, reply);
    return true;
  }

  private classOf(context: ExecutionContext): RateLimitClass | null {
    const handler = context.getHandler();
    let found = this.#classes.get(handler);
    if (found === undefined) {
      found = this.reflector.get<RateLimitClass | undefined>(RATE_LIMIT_METADATA, handler) ?? null;
      this.#classes.set(handler, found);
    }
    return found;
  }
}

function admit(verdict: Verdict, reply: FastifyReply): void {
  sendVerdict(verdict, reply);
  if (!verdict.admitted) throw new RateLimited(verdict.resetSeconds);
}

/** Of the account that somebody tries to enter. Hashed: it stands in Redis, and people mistype passwords into it. */
function nameOf(body: unknown): string | null {
  if (typeof body !== 'object' || body === null || !('email' in body) || typeof body.email !== 'string')
    return null;
  return createHash('sha256').update(body.email.trim().toLowerCase()).digest('base64url').slice(0, 22);
}
