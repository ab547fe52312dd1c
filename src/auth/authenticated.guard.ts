import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { type Access, ACCESS_METADATA, permits } from '../http/auth/access.js';
import type { AuthenticatedRequest, AuthUser } from '../http/auth/auth-user.js';
import { Forbidden, PolicyRefused, Unauthenticated } from '../http/auth/auth.errors.js';
import { bearerToken } from '../http/auth/bearer-token.js';
import { type PlatformReach, permitsReach, platformReach } from '../http/auth/platform-reach.js';
import { TokenVerifier } from './token-verifier.js';

type Parameters = Readonly<Record<string, string | undefined>>;

interface Route {
  readonly access: Access;
  readonly reach: PlatformReach;
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
  ) {}

  /**
   * @throws {Unauthenticated} and its subclass InvalidAccessToken
   * @throws {Forbidden}
   * @throws {PolicyRefused}
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
   * @throws {Unauthenticated | InvalidAccessToken | Forbidden | PolicyRefused} or rejects with it.
   */
  private authenticate(request: AuthenticatedRequest, route: Route): AuthUser | Promise<AuthUser> {
    const token = bearerToken(request.raw.headers.authorization);
    if (token === undefined) throw new Unauthenticated();
    const user = this.tokens.verify(token, request);
    return user instanceof Promise
      ? user.then((verified) => admit(verified, route, request))
      : admit(user, route, request);
  }

  private routeOf(context: ExecutionContext): Route {
    const handler = context.getHandler();
    let route = this.#routes.get(handler);
    if (route === undefined) {
      route = {
        access: this.reflector.get<Access | undefined>(ACCESS_METADATA, handler) ?? 'session',
        reach: platformReach(context.getClass(), handler),
      };
      this.#routes.set(handler, route);
    }
    return route;
  }
}

function admit(user: AuthUser, { access, reach }: Route, request: AuthenticatedRequest): AuthUser {
  if (access !== 'public' && !permits(user, access)) throw new Forbidden(access);
  if (user.policy !== undefined && !permitsReach(user, reach, request.params as Parameters)) {
    throw new PolicyRefused();
  }
  request.user = user;
  return user;
}
