import type { ExecutionContext, PipeTransform, Type } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import type { ModuleRef } from '@nestjs/core';
import { getMetadataStorage } from 'class-validator';
import type { FastifyRequest } from 'fastify';
import { UnsuitableFastLane } from './unsuitable-fast-lane.js';
import { parseBody } from './validation.js';

/** The value of one parameter of a handler. */
export type ReadParameter = (context: ExecutionContext) => unknown;

/** What Nest's parameter decorators leave behind. */
interface ParameterMetadata {
  readonly index: number;
  readonly data: unknown;
  readonly pipes: readonly (PipeTransform | Type<PipeTransform>)[];
  readonly schema?: unknown;
  readonly factory?: (data: unknown, context: ExecutionContext) => unknown;
}

interface NamedSource {
  readonly type: 'param' | 'query' | 'custom';
  readonly read: (request: FastifyRequest, name: string) => unknown;
}

const SOURCES: Readonly<Partial<Record<RouteParamtypes, NamedSource>>> = {
  [RouteParamtypes.PARAM]: { type: 'param', read: ({ params }, name) => (params as Values)[name] },
  [RouteParamtypes.QUERY]: { type: 'query', read: ({ query }, name) => (query as Values)[name] },
  [RouteParamtypes.HEADERS]: { type: 'custom', read: ({ headers }, name) => headers[name.toLowerCase()] },
};
type Values = Readonly<Record<string, unknown>>;

/** The global validation pipe has nothing to do for these; a class it would have to validate. */
const PRIMITIVES: readonly unknown[] = [String, Number, Boolean];

/** @throws {UnsuitableFastLane} for a parameter that needs Nest's pipeline. */
export function readParameters(controller: Type, method: string, pipes: ModuleRef): ReadParameter[] {
  const metadata = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) ?? {}) as Readonly<
    Record<string, ParameterMetadata>
  >;
  const types = (Reflect.getMetadata('design:paramtypes', controller.prototype as object, method) ??
    []) as readonly unknown[];
  const parameters: ReadParameter[] = [];
  for (const [key, parameter] of Object.entries(metadata)) {
    const refuse = (why: string): never => {
      throw new UnsuitableFastLane(controller, method, `parameter ${parameter.index + 1} ${why}`);
    };
    if (parameter.schema !== undefined) refuse('has a schema');
    const transforms = parameter.pipes.map((pipe) => instanceOf(pipe, pipes));
    if (transforms.some(isAsync)) refuse('has an asynchronous pipe');
    const { factory, data, index } = parameter;
    if (factory !== undefined) {
      if (transforms.length > 0) refuse('is a custom decorator with pipes');
      parameters[index] = (context) => factory(data, context);
      continue;
    }
    if (sourceOf(key) === RouteParamtypes.BODY && data === undefined && transforms.length === 0) {
      const type = types[index] as Type<object>;
      if (!hasRules(type)) refuse('is a body without rules that can be checked at once');
      parameters[index] = (context) =>
        parseBody(type, context.switchToHttp().getRequest<FastifyRequest>().body);
      continue;
    }
    const source = SOURCES[sourceOf(key)];
    if (source === undefined)
      return refuse('is neither a whole body, a path parameter, a query parameter nor a header');
    if (typeof data !== 'string') return refuse('has no name');
    if (!PRIMITIVES.includes(types[index])) refuse('is not declared as string, number or boolean');
    const about = { type: source.type, metatype: types[index] as Type, data };
    parameters[index] = (context) => {
      let value = source.read(context.switchToHttp().getRequest(), data);
      for (const pipe of transforms) value = pipe.transform(value, about);
      return value;
    };
  }
  return parameters;
}

function sourceOf(key: string): RouteParamtypes {
  return Number(key.split(':', 1)[0]) as RouteParamtypes;
}

/** Whether class-validator knows the class, and no rule of it is asynchronous: `validateSync` would leave that one out. */
function hasRules(type: Type<object>): boolean {
  const storage = getMetadataStorage();
  const rules = storage.getTargetValidationMetadatas(type, '', false, false);
  const constraints = rules.flatMap(({ constraintCls }) =>
    storage.getTargetValidatorConstraints(constraintCls),
  );
  return rules.length > 0 && constraints.every(({ async }) => !async);
}

function instanceOf(pipe: PipeTransform | Type<PipeTransform>, pipes: ModuleRef): PipeTransform {
  return typeof pipe === 'function' ? pipes.get(pipe, { strict: false }) : pipe;
}

function isAsync(pipe: Readonly<Record<'transform', object>>): boolean {
  return pipe.transform.constructor.name === 'AsyncFunction';
}
