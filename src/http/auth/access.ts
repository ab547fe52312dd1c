import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiBearerAuth } from '@nestjs/swagger';
import { ApiProblems } from '../api-problems.decorator.js';
import type { AuthUser, Scope } from './auth-user.js';

export const ACCESS_METADATA = Symbol('Access');

/**
 * Who may call a handler. `session`, the default: signed-in people, but no API key. `admin`: signed-in administrators, but
 * no API key. A scope: signed-in people, and API keys that have the scope.
 */
export type Access = 'public' | 'session' | 'admin' | Scope;

/** Opens a route to everybody. Only for methods, like `Authenticated`, so that each handler shows who may call it. */
export function Public(): MethodDecorator {
  return SetMetadata(ACCESS_METADATA, 'public' satisfies Access);
}

/** Sets and documents who may call a route. Without an argument: signed-in people, but no API key of any scope. */
export function Authenticated(access: Scope | 'admin' | 'session' = 'session'): MethodDecorator {
  return applyDecorators(
    SetMetadata(ACCESS_METADATA, access satisfies Access),
    ApiBearerAuth(),
    ApiProblems([401, 403]),
  );
}

export function permits({ scopes, role }: AuthUser, access: Exclude<Access, 'public'>): boolean {
  switch (access) {
    case 'session':
      return scopes === 'all';
    case 'admin':
      return scopes === 'all' && role === 'admin';
    case 'platforms:read':
    case 'platforms:write':
    case 'platforms:use':
    case 'credentials:read':
    case 'activities:write':
      return scopes === 'all' || scopes.includes(access);
  }
}
