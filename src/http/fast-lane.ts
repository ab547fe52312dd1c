import {
  type CanActivate,
  type ExecutionContext,
  ForbiddenException,
  Injectable,
  type NestInterceptor,
  RequestMethod,
  type Type,
} from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner, ModuleRef } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppConfig } from '../config/app-config.js';
import { FAST_LANE_METADATA } from './fast-lane.decorator.js';
import { dataHeaders } from './hardening.js';
import { LaneContext } from './lane-context.js';
import { type ReadParameter, readParameters } from './lane-parameters.js';
import { assertSuitable } from './lane-suitability.js';
import { sendProblem } from './problem.filter.js';
import { type RawReply, writeRawReply } from './raw-reply.js';
import { UnsuitableFastLane } from './unsuitable-fast-lane.js';

/** An interceptor that can also work without an observable. The fast lane needs exactly one. */
export interface FastLaneInterceptor extends NestInterceptor {
  /** @throws the error to answer with, if `result` stands for one. */
  toRawReply(result: unknown, request: FastifyRequest): RawReply;
}

/** An interceptor that has nothing to do for reads on the fast lane. For a POST there it says what the lane does instead. */
export interface NoFastLane extends NestInterceptor {
  readonly skipsFastLane: true;
  /** Whether this request goes through Nest's pipeline although its handler is on the lane. */
  needsPipeline?(request: FastifyRequest): boolean;
  /** Runs the handler as the interceptor would. */
  onLane?<T>(request: FastifyRequest, work: () => T): T;
}

interface Lane {
  readonly controller: Type;
  readonly method: string;
  /** The controller's method, bound. */
  readonly handler: (...values: unknown[]) => unknown;
  /** The method as the metadata is attached to it. */
  readonly decorated: Handler;
  readonly parameters: readonly ReadParameter[];
  readonly isPost: boolean;
}
type Handler = ReturnType<ExecutionContext['getHandler']>;

/**
 * A short cut through Nest for handlers marked `@FastLane()`. Nest's pipeline of observables and promises costs more than
 * a cached read (`npm run bench`). For each request the lane does what the pipeline would do, in the same order: the global
 * guards, the parameters' pipes, the handler itself, the global interceptor. It learns all of that from metadata when the
 * application starts, and refuses to start where it cannot.
 */
@Injectable()
export class FastLane {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly modules: ModuleRef,
    private readonly config: AppConfig,
  ) {}

  /**
   * Call it before Nest registers its routes: the route of each marked handler gets a hook that answers in its place.
   *
   * @throws {UnsuitableFastLane}
   */
  attach(fastify: FastifyInstance): void {
    const lanes = this.findLanes();
    const missing = new Set(lanes.values());
    const besides = this.besides();
    const answer = this.createAnswer(besides);
    fastify.addHook('onRoute', (route) => {
      // Fastify adds the route of HEAD itself. Node leaves out the body.
      const lane = lanes.get(`${route.method === 'HEAD' ? 'GET' : String(route.method)} ${route.url}`);
      if (lane === undefined) return;
      missing.delete(lane);
      const take = (request: FastifyRequest, reply: FastifyReply): void => {
        const fail = (error: unknown): void => sendProblem(error, request, reply);
        try {
          answer(lane, request, reply).catch(fail);
        } catch (error) {
          fail(error);
        }
      };
      // A route's own hooks run after the global ones, such as the limit by address. A body is read before `preHandler`.
      if (!lane.isPost) route.onRequest = take;
      else
        route.preHandler = (request, reply, done) => {
          if (besides.some((one) => one.needsPipeline?.(request))) done();
          else take(request, reply);
        };
    });
    fastify.addHook('onReady', (done) => {
      const [first] = missing;
      done(first && new UnsuitableFastLane(first.controller, first.method, 'Nest has no such route'));
    });
  }

  private createAnswer(
    besides: readonly NoFastLane[],
  ): (lane: Lane, request: FastifyRequest, reply: FastifyReply) => Promise<void> {
    const guards = this.enhancers<CanActivate>('guard');
    const interceptor = this.interceptor();
    const securityHeaders = dataHeaders(this.config.production).flat();
    // Promises are chained by hand: each async function here would cost a hit more than this code does.
    return (lane, request, reply) => {
      const context = new LaneContext(lane.controller, lane.decorated, request, reply);
      const handle = (): unknown => lane.handler(...lane.parameters.map((read) => read(context)));
      const serve = (): Promise<void> =>
        Promise.resolve(lane.isPost ? within(besides, request, handle) : handle()).then((result) =>
          writeRawReply(interceptor.toRawReply(result, request), securityHeaders, request, reply),
        );
      const admitted = admit(guards, context);
      return admitted instanceof Promise ? admitted.then(serve) : serve();
    };
  }

  /** By the method and the URL under which Nest registers the route. */
  private findLanes(): Map<string, Lane> {
    const lanes = new Map<string, Lane>();
    for (const wrapper of this.discovery.getControllers()) {
      const instance = wrapper.instance as Readonly<Record<string, Handler>>;
      const controller = wrapper.metatype as Type;
      for (const method of this.scanner.getAllMethodNames(controller.prototype as object)) {
        const decorated = (controller.prototype as Readonly<Record<string, Handler>>)[method];
        if (decorated === undefined || Reflect.getMetadata(FAST_LANE_METADATA, decorated) !== true) continue;
        if (!wrapper.isDependencyTreeStatic())
          throw new UnsuitableFastLane(controller, method, 'its controller is made for each request');
        assertSuitable(controller, method, decorated);
        const isPost = Reflect.getMetadata(METHOD_METADATA, decorated) === RequestMethod.POST;
        if (isPost) this.assertLaneOfPosts(controller, method);
        lanes.set(`${isPost ? 'POST' : 'GET'} ${urlOf(controller, decorated)}`, {
          controller,
          method,
          handler: decorated.bind(instance) as Lane['handler'],
          decorated,
          parameters: readParameters(controller, method, this.modules),
          isPost,
        });
      }
    }
    return lanes;
  }

  /** Registered with APP_GUARD or APP_INTERCEPTOR, in the order in which Nest applies them. */
  private enhancers<T>(subtype: 'guard' | 'interceptor'): T[] {
    const found = this.discovery.getProviders().filter((wrapper) => wrapper.subtype === subtype);
    return found.map(({ instance }) => instance as T);
  }

  private interceptor(): FastLaneInterceptor {
    const [first, ...others] = this.interceptors().filter((interceptor) => !isBeside(interceptor));
    if (first === undefined || others.length > 0 || !('toRawReply' in first))
      throw new Error('The fast lane needs one global interceptor, and that one must have toRawReply().');
    return first;
  }

  private besides(): NoFastLane[] {
    return this.interceptors().filter(isBeside);
  }

  private interceptors(): (NestInterceptor | FastLaneInterceptor | NoFastLane)[] {
    return this.enhancers<NestInterceptor | FastLaneInterceptor | NoFastLane>('interceptor');
  }

  private assertLaneOfPosts(controller: Type, method: string): void {
    for (const one of this.besides())
      if (one.needsPipeline === undefined && one.onLane === undefined)
        throw new UnsuitableFastLane(
          controller,
          method,
          `${one.constructor.name} does not say what a POST needs`,
        );
  }
}

function isBeside(interceptor: NestInterceptor | NoFastLane): interceptor is NoFastLane {
  return 'skipsFastLane' in interceptor;
}

/** The first one is the outermost, as in Nest's pipeline. */
function within<T>(besides: readonly NoFastLane[], request: FastifyRequest, work: () => T, at = 0): T {
  const one = besides[at];
  if (one === undefined) return work();
  const rest = (): T => within(besides, request, work, at + 1);
  return one.onLane === undefined ? rest() : one.onLane(request, rest);
}

function urlOf(controller: Type, decorated: Handler): string {
  const parts = [controller, decorated].map(
    (target) => Reflect.getMetadata(PATH_METADATA, target) as unknown,
  );
  return `/${parts.filter((part) => part !== '/').join('/')}`;
}

/** Synchronous as long as the guards are. @throws what a guard throws, also as a rejection. */
function admit(guards: readonly CanActivate[], context: LaneContext, from = 0): true | Promise<true> {
  for (let at = from; at < guards.length; at++) {
    const verdict = guards[at]!.canActivate(context);
    if (verdict instanceof Promise) {
      return verdict.then((admitted) => {
        assertAdmitted(admitted);
        return admit(guards, context, at + 1);
      });
    }
    assertAdmitted(verdict);
  }
  return true;
}

function assertAdmitted(verdict: unknown): void {
  if (verdict !== true) throw new ForbiddenException();
}
