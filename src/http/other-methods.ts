import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { FastifyInstance, HTTPMethods } from 'fastify';
import { problem } from '../common/domain-error.js';
import { sendProblem } from './problem.filter.js';

const METHODS: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

export class MethodNotAllowed extends problem(405, 'method_not_allowed', 'Method not allowed') {
  override readonly headers: Readonly<Record<string, string>>;

  /** @param allowed the methods of the path, comma-separated. */
  constructor(allowed: string) {
    super(`This path supports ${allowed}.`);
    this.headers = { Allow: allowed };
  }
}

/**
 * Answers the methods that a path does not have: 405, and 204 for OPTIONS, both with `Allow`. The router matches their
 * paths like any other, so a fixed path such as `/v1/platforms/default` is not taken for `/v1/platforms/:id`.
 */
@Injectable()
export class OtherMethods implements OnApplicationBootstrap {
  readonly #methods = new Map<string, Set<string>>();
  readonly #allowed = new Map<string, string>();
  #fastify: FastifyInstance | null = null;

  /** Call it before the first route is registered, and before CORS is enabled. */
  attach(fastify: FastifyInstance): void {
    this.#fastify = fastify;
    fastify.addHook('onRoute', ({ url, method }) => {
      // CORS has this one, for paths that do not exist.
      if (url === '*') return;
      const methods = this.#methods.get(url) ?? new Set();
      for (const each of [method].flat()) methods.add(each);
      this.#methods.set(url, methods);
    });
    // CORS answers OPTIONS itself, in a later hook.
    fastify.addHook('onRequest', (request, reply, done) => {
      if (request.method === 'OPTIONS') {
        const allowed = this.#allowed.get(request.routeOptions.url ?? '');
        if (allowed !== undefined) reply.header('Allow', allowed);
      }
      done();
    });
  }

  /** By now Nest has registered all routes. Fastify takes no more once it listens. */
  onApplicationBootstrap(): void {
    for (const [url, methods] of [...this.#methods]) {
      methods.add('OPTIONS');
      const allowed = METHODS.filter((method) => methods.has(method)).join(', ');
      this.#allowed.set(url, allowed);
      this.#fastify?.options(url, (_request, reply) => reply.code(204).send());
      const refused = METHODS.filter((method) => !methods.has(method));
      if (refused.length > 0) this.refuse(url, refused, allowed);
    }
  }

  private refuse(url: string, methods: HTTPMethods[], allowed: string): void {
    this.#fastify?.route({
      method: methods,
      url,
      exposeHeadRoute: false,
      // Not in the handler: a body would be read first.
      onRequest: (request, reply) => sendProblem(new MethodNotAllowed(allowed), request, reply),
      handler: (_request, reply) => reply,
    });
  }
}
