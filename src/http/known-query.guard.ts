import { type CanActivate, type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { FastifyRequest } from 'fastify';
import { InvalidField, UNKNOWN_PARAMETER } from '../common/domain-error.js';

const ANY_QUERY_METADATA = Symbol('AnyQuery');
const KNOWN_QUERY_METADATA = Symbol('KnownQuery');

/** Accepts query parameters that the handler does not declare. */
export function AnyQuery(): MethodDecorator {
  return SetMetadata(ANY_QUERY_METADATA, true);
}

/** Names parameters that a handler reads by a decorator of its own. */
export function KnowsQuery(names: readonly string[]): MethodDecorator {
  return SetMetadata(KNOWN_QUERY_METADATA, names);
}

/** Null where any is accepted, or where the handler's own pipe refuses unknown ones. */
type KnownNames = ReadonlySet<string> | null;
type Handler = ReturnType<ExecutionContext['getHandler']>;

/**
 * Global guard: refuses query parameters that a handler does not declare with `@Query()`, as unknown body fields are
 * refused. A guard, because the fast lane runs those too.
 */
@Injectable()
export class KnownQueryGuard implements CanActivate {
  readonly #known = new WeakMap<object, KnownNames>();

  /** @throws {InvalidField} */
  canActivate(context: ExecutionContext): true {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    // Most requests have no query. They must not pay for those that do.
    if (request.raw.url?.includes('?') !== true) return true;
    const known = this.knownNames(context);
    if (known === null) return true;
    const unknown = Object.keys(request.query as object).filter((name) => !known.has(name));
    if (unknown.length === 0) return true;
    throw new InvalidField(unknown.map((name) => ({ pointer: `#${name}`, detail: UNKNOWN_PARAMETER })));
  }

  private knownNames(context: ExecutionContext): KnownNames {
    const handler = context.getHandler();
    let known = this.#known.get(handler);
    if (known === undefined) {
      known =
        Reflect.getMetadata(ANY_QUERY_METADATA, handler) === true
          ? null
          : declaredNames(context.getClass(), handler);
      this.#known.set(handler, known);
    }
    return known;
  }
}

function declaredNames(controller: object, handler: Handler): KnownNames {
  const parameters = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, handler.name) ?? {}) as Readonly<
    Record<string, { readonly data?: unknown }>
  >;
  const names = new Set((Reflect.getMetadata(KNOWN_QUERY_METADATA, handler) ?? []) as readonly string[]);
  for (const [key, { data }] of Object.entries(parameters)) {
    if (Number(key.split(':', 1)[0]) !== Number(RouteParamtypes.QUERY)) continue;
    if (typeof data !== 'string') return null;
    names.add(data);
  }
  return names;
}
