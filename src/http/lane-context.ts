import type { ArgumentsHost, ContextType, ExecutionContext, Type } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

type HttpArguments = ReturnType<ArgumentsHost['switchToHttp']>;
type Handler = ReturnType<ExecutionContext['getHandler']>;

/** What guards and parameter decorators ask of a request. Nest's own makes three closures at each switchToHttp(). */
export class LaneContext implements ExecutionContext, HttpArguments {
  constructor(
    private readonly controller: Type,
    private readonly handler: Handler,
    private readonly request: FastifyRequest,
    private readonly reply: FastifyReply,
  ) {}

  getClass<T>(): Type<T> {
    return this.controller as Type<T>;
  }

  getHandler(): Handler {
    return this.handler;
  }

  getType<T extends string = ContextType>(): T {
    return 'http' as T;
  }

  switchToHttp(): HttpArguments {
    return this;
  }

  getRequest<T>(): T {
    return this.request as T;
  }

  getResponse<T>(): T {
    return this.reply as T;
  }

  getNext<T>(): T {
    throw new Error('The fast lane has no next().');
  }

  getArgs<T extends unknown[]>(): T {
    return [this.request, this.reply] as unknown as T;
  }

  getArgByIndex<T>(index: number): T {
    return this.getArgs()[index] as T;
  }

  switchToRpc(): never {
    throw new Error('The fast lane serves HTTP only.');
  }

  switchToWs(): never {
    throw new Error('The fast lane serves HTTP only.');
  }
}
