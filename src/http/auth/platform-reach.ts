import { SetMetadata, type Type } from '@nestjs/common';
import { PATH_METADATA } from '@nestjs/common/constants.js';
import { parseId } from '../id.pipe.js';
import type { AuthUser } from './auth-user.js';

const NARROWED_METADATA = Symbol('NarrowedToPolicy');
/** The parameter in `v1/platforms/:id/stats`. */
const PLATFORM_PARAMETER = /(?:^|\/)platforms\/:(\w+)/;

/**
 * Which platform connections a route reaches. `parameter`: the one that its path names. `narrowed`: several, of which the
 * handler shows and changes only those that `permitsPlatform` permits. `any`: the rest.
 */
export type PlatformReach =
  | { readonly kind: 'parameter'; readonly name: string }
  | { readonly kind: 'narrowed' }
  | { readonly kind: 'any' };

/**
 * Opens a route that names no platform connection to API keys that are limited to some. Without it the guard refuses them,
 * so a new route cannot forget the limit.
 */
export function NarrowedToPolicy(): MethodDecorator {
  return SetMetadata(NARROWED_METADATA, true);
}

/** From the paths and the decorators of a route. */
export function platformReach(controller: Type, handler: object): PlatformReach {
  const path = [controller, handler]
    .map((target) => Reflect.getMetadata(PATH_METADATA, target) as unknown)
    .join('/');
  const name = PLATFORM_PARAMETER.exec(path)?.[1];
  if (name !== undefined) return { kind: 'parameter', name };
  return { kind: Reflect.getMetadata(NARROWED_METADATA, handler) === true ? 'narrowed' : 'any' };
}

/** Whether a caller may use a route with these path parameters. Whether the connection exists does not matter. */
export function permitsReach(
  { policy }: AuthUser,
  reach: PlatformReach,
  parameters: Readonly<Record<string, string | undefined>>,
): boolean {
  if (policy === undefined || !policy.limitsPlatforms || reach.kind === 'narrowed') return true;
  if (reach.kind === 'any') return false;
  const id = parseId(parameters[reach.name] ?? '');
  return id !== null && policy.permitsPlatform(id);
}

/** For what reaches several connections: whether the caller may see and use this one. */
export function permitsPlatform({ policy }: AuthUser, id: number): boolean {
  return policy === undefined || policy.permitsPlatform(id);
}
