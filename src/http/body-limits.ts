import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { InvalidField } from '../common/domain-error.js';
import { sendProblem } from './problem.filter.js';

/** Of a body, unless its route says otherwise. Four times the longest valid one that is no batch. */
export const BODY_LIMIT_BYTES = 16 * 1024;
const BATCH_LIMIT_BYTES = 1024 * 1024;
/** Deeper than any valid body. Code that walks a hostile body recursively would overflow the stack. */
const MAX_DEPTH = 16;
/** Of one object. class-transformer's time grows with the square of their number. */
const MAX_FIELDS = 50;
/** Nest's ValidationPipe drops these from each object without a word. The parser refuses `__proto__`. */
const DROPPED = ['constructor', 'prototype'];
/** In the whole body, objects and arrays counted too: twice what a full batch of activities has. */
const MAX_VALUES = 5000;

interface BodyConfig {
  readonly bodyLimitBytes?: number;
}

/** For a route whose body is an array of many items. */
export const BatchBody = (): MethodDecorator =>
  RouteConfig({ bodyLimitBytes: BATCH_LIMIT_BYTES } satisfies BodyConfig);

/**
 * Refuses bodies that are too large for their route, and those whose shape would cost much time to parse or to validate.
 * Called before the routes are added.
 */
export function limitBodies(fastify: FastifyInstance): void {
  const parse = fastify.getDefaultJsonParser('error', 'error');
  fastify.removeContentTypeParser('application/json');
  fastify.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    // As no body at all. Some clients name the type of every request. Where a body is needed, its absence is a 400.
    if (body.length === 0) return done(null);
    const fault = textFault(body);
    if (fault === null) void parse(request, body.toString(), done);
    else done(invalid(fault));
  });
  fastify.addHook('onRoute', (route) => {
    const { bodyLimitBytes } = (route.config ?? {}) as BodyConfig;
    if (bodyLimitBytes !== undefined) route.bodyLimit = bodyLimitBytes;
  });
  fastify.addHook('preValidation', (request, reply, done) => {
    const fault = fieldsFault(request.body);
    if (fault === null) done();
    else sendProblem(invalid(fault), request, reply);
  });
}

const invalid = (detail: string): InvalidField => new InvalidField([{ pointer: '', detail }]);

const [QUOTE, BACKSLASH, COMMA, OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] =
  Buffer.from('"\\,[]{}');

/** What is wrong with the size of the structure of a JSON text. It is read here and not parsed: that is the cheaper part. */
export function textFault(body: Uint8Array): string | null {
  let values = 1;
  let depth = 0;
  let inText = false;
  for (let index = 0; index < body.length; index++) {
    const byte = body[index];
    if (inText) {
      if (byte === BACKSLASH) index++;
      else if (byte === QUOTE) inText = false;
    } else if (byte === QUOTE) inText = true;
    else if (byte === COMMA) values++;
    else if (byte === OPEN_BRACKET || byte === OPEN_BRACE) {
      values++;
      depth++;
    } else if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) depth--;
    if (depth > MAX_DEPTH) return 'is nested too deeply';
    if (values > MAX_VALUES) return `has more than ${MAX_VALUES} values`;
  }
  return null;
}

/** What is wrong with the fields of a body that `textFault` has passed. */
export function fieldsFault(body: unknown): string | null {
  if (typeof body !== 'object' || body === null) return null;
  const names = Array.isArray(body) ? [] : Object.keys(body);
  if (names.length > MAX_FIELDS) return `has an object with more than ${MAX_FIELDS} fields`;
  const dropped = names.find((name) => DROPPED.includes(name));
  if (dropped !== undefined) return `has a field named ${dropped}`;
  for (const child of Object.values(body)) {
    const fault = fieldsFault(child);
    if (fault !== null) return fault;
  }
  return null;
}
