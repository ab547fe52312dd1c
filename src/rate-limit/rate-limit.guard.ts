import { createHash } from 'node:crypto';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply } from 'fastify';
import { AppConfig } from '../config/app-config.js';
import { addressKey } from '../http/address-key.js';
import type { AuthenticatedRequest, AuthUser } from '../http/auth/auth-user.js';
import { RATE_LIMIT_METADATA, type RateLimitRule } from '../http/rate-limit.decorator.js';
import { sendVerdict } from './rate-limit-headers.js';
import { RateLimited } from './rate-limit.errors.js';
import { RateLimiter, type Verdict } from './rate-limiter.js';

/** A log-in name gets this many times the limit of an address. It slows down an attack on one name from many addresses. */
const NAME_FACTOR = 5;

/** Applies the limit per user, after AuthenticatedGuard has identified the user, and the strict limits. */
@Injectable()
export class RateLimitGuard implements CanActivate {
  readonly #rules = new WeakMap<object, RateLimitRule | null>();

  constructor(
    private readonly reflector: Reflector,
    private readonly limiter: RateLimiter,
    private readonly config: AppConfig,
  ) {}

  /** @throws {RateLimited} synchronously or as a rejection. */
  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const { enabled } = this.config.rateLimits;
    if (!enabled || context.getType() !== 'http') return true;
    const http = context.switchToHttp();
    const request = http.getRequest<AuthenticatedRequest>();
    const reply = http.getResponse<FastifyReply>();
    if (request.user !== undefined) this.admitUser(request.user, reply);
    const rule = this.ruleOf(context);
    if (rule === null || !appliesTo(request, rule)) return true;
    const route = `${context.getClass().name}.${context.getHandler().name}`;
    return this.exactly(rule.limit === 'strict' ? `strict:${route}` : rule.limit, rule, request, reply);
  }

  /** @throws {RateLimited} */
  private admitUser({ id }: AuthUser, reply: FastifyReply): void {
    const { enabled, userPerMinute } = this.config.rateLimits;
    if (enabled) admit(this.limiter.take('user', id, userPerMinute), reply);
  }

  private async exactly(
    counter: string,
    rule: RateLimitRule,
    request: AuthenticatedRequest,
    reply: FastifyReply,
  ): Promise<true> {
    const { strictPerMinute, revealPerMinute, avatarPerMinute } = this.config.rateLimits;
    const limit = {
      strict: strictPerMinute,
      instance: strictPerMinute,
      reveal: revealPerMinute,
      avatar: avatarPerMinute,
    }[rule.limit];
    const { user } = request;
    const name = user === undefined ? nameOf(request.body) : null;
    const verdicts = await Promise.all([
      this.limiter.takeExactly(`${counter}:address:${addressKey(request.ip)}`, limit),
      ...(user === undefined ? [] : [this.limiter.takeExactly(`${counter}:user:${user.id}`, limit)]),
      ...(name === null ? [] : [this.limiter.takeExactly(`${counter}:name:${name}`, limit * NAME_FACTOR)]),
    ]);
    for (const verdict of verdicts) admit(verdict, reply);
    return true;
  }

  private ruleOf(context: ExecutionContext): RateLimitRule | null {
    const handler = context.getHandler();
    let found = this.#rules.get(handler);
    if (found === undefined) {
      found = this.reflector.get<RateLimitRule | undefined>(RATE_LIMIT_METADATA, handler) ?? null;
      this.#rules.set(handler, found);
    }
    return found;
  }
}

/** Guards run before pipes. Any value other than exactly `true` is false, or the pipe refuses it. */
function appliesTo({ query }: AuthenticatedRequest, rule: RateLimitRule): boolean {
  return (
    rule.query === undefined ||
    (query as Readonly<Record<string, unknown>> | undefined)?.[rule.query] === 'true'
  );
}

function admit(verdict: Verdict, reply: FastifyReply): void {
  sendVerdict(verdict, reply);
  if (!verdict.admitted) throw new RateLimited(verdict.resetSeconds);
}

/** The name in a log-in attempt. Hashed, because it is stored in Redis and people type passwords into the wrong field. */
function nameOf(body: unknown): string | null {
  if (typeof body !== 'object' || body === null || !('email' in body) || typeof body.email !== 'string')
    return null;
  return createHash('sha256').update(body.email.trim().toLowerCase()).digest('base64url').slice(0, 22);
}
