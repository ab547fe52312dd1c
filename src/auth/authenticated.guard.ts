import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Clock } from '../common/clock.js';
import { AppConfig } from '../config/app-config.js';
import { SecondFactors } from '../factors/second-factors.js';
import { type Access, ACCESS_METADATA, permits } from '../http/auth/access.js';
import type { AuthenticatedRequest, AuthUser } from '../http/auth/auth-user.js';
import {
  AdminFactorMissing,
  Forbidden,
  PolicyRefused,
  RecentSignInRequired,
  Unauthenticated,
} from '../http/auth/auth.errors.js';
import { bearerToken } from '../http/auth/bearer-token.js';
import { type PlatformReach, permitsReach, platformReach } from '../http/auth/platform-reach.js';
import { RECENT_SIGN_IN_METADATA, hasSignedInRecently } from '../http/auth/recent-sign-in.js';
import { TokenVerifier } from './token-verifier.js';

type Parameters = Readonly<Record<string, string | undefined>>;

interface Route {
  readonly access: Access;
  readonly reach: PlatformReach;
  /** Whether a person must have signed in within the last minutes, or the query parameter that asks for what needs it. */
  readonly recent: boolean | string;
}

/**
 * Global guard: every route needs credentials unless it is marked `@Public()`, and an API key that is limited to platform
 * connections reaches no others. Mostly returns no promise for a token of a hot session.
 */
@Injectable()
export class AuthenticatedGuard implements CanActivate {
  readonly #routes = new WeakMap<object, Route>();

  constructor(
    private readonly reflector: Reflector,
    private readonly tokens: TokenVerifier,
    private readonly clock: Clock,
    private readonly factors: SecondFactors,
    private readonly config: AppConfig,
  ) {}

  /**
   * @throws {Unauthenticated} and its subclass InvalidAccessToken
   * @throws {Forbidden}
   * @throws {PolicyRefused}
   * @throws {RecentSignInRequired | AdminFactorMissing}
   */
  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const route = this.routeOf(context);
    if (route.access === 'public') return true;
    const user = this.authenticate(context.switchToHttp().getRequest<AuthenticatedRequest>(), route);
    return user instanceof Promise ? user.then(() => true) : true;
  }

  /**
   * Authenticates the request and sets `request.user`.
   *
   * @throws {Unauthenticated | InvalidAccessToken | Forbidden | PolicyRefused | RecentSignInRequired} or rejects with it.
   */
  private authenticate(request: AuthenticatedRequest, route: Route): AuthUser | Promise<AuthUser> {
    const token = bearerToken(request.raw.headers.authorization);
    if (token === undefined) throw new Unauthenticated();
    const user = this.tokens.verify(token, request);
    return user instanceof Promise
      ? user.then((verified) => this.admit(verified, token, route, request))
      : this.admit(user, token, route, request);
  }

  private admit(
    user: AuthUser,
    token: string,
    route: Route,
    request: AuthenticatedRequest,
  ): AuthUser | Promise<AuthUser> {
    admit(user, route, request);
    if (route.access === 'admin' && this.config.adminSecondFactorRequired && user.sessionId !== undefined)
      return this.assertFactor(user).then(() => this.recent(user, token, route, request));
    return this.recent(user, token, route, request);
  }

  private recent(
    user: AuthUser,
    token: string,
    route: Route,
    request: AuthenticatedRequest,
  ): AuthUser | Promise<AuthUser> {
    return !needsRecent(route, request) || this.isRecent(user) ? user : this.readAgain(user, token, request);
  }

  /** Not of people with tokens of the OpenID provider, which sees to their factors itself. */
  private async assertFactor({ id }: AuthUser): Promise<void> {
    if (!(await this.factors.has(id))) throw new AdminFactorMissing();
  }

  /** Another process may have confirmed the session less than a moment ago, before this one believed what it has read. */
  private async readAgain(user: AuthUser, token: string, request: AuthenticatedRequest): Promise<AuthUser> {
    const now = await this.tokens.verifyAgain(user, token, request);
    if (!this.isRecent(now)) throw new RecentSignInRequired();
    request.user = now;
    return now;
  }

  private isRecent(user: AuthUser): boolean {
    return hasSignedInRecently(user, this.clock.now());
  }

  private routeOf(context: ExecutionContext): Route {
    const handler = context.getHandler();
    let route = this.#routes.get(handler);
    if (route === undefined) {
      route = {
        access: this.reflector.get<Access | undefined>(ACCESS_METADATA, handler) ?? 'session',
        reach: platformReach(context.getClass(), handler),
        recent: this.reflector.get<true | string | undefined>(RECENT_SIGN_IN_METADATA, handler) ?? false,
      };
      this.#routes.set(handler, route);
    }
    return route;
  }
}

function admit(user: AuthUser, { access, reach }: Route, request: AuthenticatedRequest): void {
  if (access !== 'public' && !permits(user, access)) throw new Forbidden(access);
  if (user.policy !== undefined && !permitsReach(user, reach, request.params as Parameters)) {
    throw new PolicyRefused();
  }
  request.user = user;
}

function needsRecent({ recent }: Route, { query }: AuthenticatedRequest): boolean {
  if (typeof recent === 'boolean') return recent;
  return (query as Readonly<Record<string, unknown>>)[recent] === 'true';
}
