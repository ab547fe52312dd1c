import { RequestMethod, type ExecutionContext, type Type } from '@nestjs/common';
import {
  EXCEPTION_FILTERS_METADATA,
  GUARDS_METADATA,
  HEADERS_METADATA,
  HOST_METADATA,
  HTTP_CODE_METADATA,
  INTERCEPTORS_METADATA,
  METHOD_METADATA,
  PIPES_METADATA,
  REDIRECT_METADATA,
  RENDER_METADATA,
  SSE_METADATA,
  VERSION_METADATA,
} from '@nestjs/common/constants.js';
import { ACCESS_METADATA } from './auth/access.js';
import { UnsuitableFastLane } from './unsuitable-fast-lane.js';

type Handler = ReturnType<ExecutionContext['getHandler']>;

/** Decorators that only Nest's pipeline carries out. */
const UNSUITABLE: Readonly<Record<string, string>> = {
  [EXCEPTION_FILTERS_METADATA]: '@UseFilters()',
  [GUARDS_METADATA]: '@UseGuards()',
  [HEADERS_METADATA]: '@Header()',
  [HOST_METADATA]: 'a host',
  [INTERCEPTORS_METADATA]: '@UseInterceptors()',
  [PIPES_METADATA]: '@UsePipes()',
  [REDIRECT_METADATA]: '@Redirect()',
  [RENDER_METADATA]: '@Render()',
  [SSE_METADATA]: '@Sse()',
  [VERSION_METADATA]: 'a version',
};

/** Of a reply on the lane; a POST would be answered with 201 by default. */
const LANE_STATUS = 200;

/** @throws {UnsuitableFastLane} for a handler whose decorators need Nest's pipeline. */
export function assertSuitable(controller: Type, method: string, decorated: Handler): void {
  for (const [key, what] of Object.entries(UNSUITABLE)) {
    if (
      Reflect.getMetadata(key, controller) === undefined &&
      Reflect.getMetadata(key, decorated) === undefined
    )
      continue;
    throw new UnsuitableFastLane(controller, method, `it or its controller has ${what}`);
  }
  if (Reflect.getMetadata(ACCESS_METADATA, decorated) === 'admin')
    throw new UnsuitableFastLane(controller, method, 'what administrators ask for has to be recorded');
  const verb = Reflect.getMetadata(METHOD_METADATA, decorated) as RequestMethod;
  if (verb !== RequestMethod.GET && verb !== RequestMethod.POST)
    throw new UnsuitableFastLane(controller, method, 'it serves neither GET nor POST');
  const status = Reflect.getMetadata(HTTP_CODE_METADATA, decorated) as number | undefined;
  if (status !== (verb === RequestMethod.GET ? undefined : LANE_STATUS))
    throw new UnsuitableFastLane(
      controller,
      method,
      '@HttpCode() must be 200 for a POST, and absent otherwise',
    );
}
