import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { type Access, ACCESS_METADATA, permits } from '../http/auth/access.js';
import type { AuthenticatedRequest, AuthUser } from '../http/auth/auth-user.js';
import { Forbidden, Unauthenticated } from '../http/auth/auth.errors.js';
import { bearerToken } from '../http/auth/bearer-token.js';
import { TokenVerifier } from './token-verifier.js';

/** Global guard: every route needs credentials unless it is marked `@Public()`. Returns no promise for a token seen before. */
@Injectable()
export class AuthenticatedGuard implements CanActivate {
  readonly #access = new WeakMap<object, Access>();

  constructor(
    private readonly reflector: Reflector,
    private readonly tokens: TokenVerifier,
  ) {}

  /**
   * @throws {Unauthenticated} and its subclass InvalidAccessToken
   * @throws {Forbidden}
   */
  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const access = this.accessOf(context.getHandler());
    if (access === 'public') return true;
    const user = this.authenticate(context.switchToHttp().getRequest<AuthenticatedRequest>(), access);
    return user instanceof Promise ? user.then(() => true) : true;
  }

  /**
   * Authenticates the request and sets `request.user`.
   *
   * @throws {Unauthenticated | InvalidAccessToken | Forbidden} or rejects with it.
   */
  private authenticate(
    request: AuthenticatedRequest,
    access: Exclude<Access, 'public'>,
  ): AuthUser | Promise<AuthUser> {
    const token = bearerToken(request.raw.headers.authorization);
    if (token === undefined) throw new Unauthenticated();
    const user = this.tokens.verify(token);
    return user instanceof Promise
      ? user.then((verified) => admit(verified, access, request))
      : admit(user, access, request);
  }

  private accessOf(handler: ReturnType<ExecutionContext['getHandler']>): Access {
    let access = this.#access.get(handler);
    if (access === undefined) {
      access = this.reflector.get<Access | undefined>(ACCESS_METADATA, handler) ?? 'session';
      this.#access.set(handler, access);
    }
    return access;
  }
}

function admit(user: AuthUser, access: Exclude<Access, 'public'>, request: AuthenticatedRequest): AuthUser {
  if (!permits(user, access)) throw new Forbidden(access);
  request.user = user;
  return user;
}
