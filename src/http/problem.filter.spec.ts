import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type ArgumentsHost,
  BadRequestException,
  ForbiddenException,
  ImATeapotException,
  NotFoundException,
  PayloadTooLargeException,
} from '@nestjs/common';
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { QueryFailedError } from 'typeorm';
import { problem, InvalidField, ServiceUnavailable } from '../common/domain-error.js';
import { createLogger } from '../common/logger.js';
import { explainProblemsAt } from './problem-type.js';
import { ProblemFilter, sendProblem } from './problem.filter.js';

const SECRET = 'hunter2-secret-value';

class NameTaken extends problem(409, 'duplicate_name', 'Name already used') {
  constructor() {
    super('Another of your platform connections has this name.');
  }
}

class NotSignedIn extends problem(401, 'unauthenticated', 'Not signed in') {
  override readonly headers = { 'WWW-Authenticate': 'Bearer' };
  constructor() {
    super('The access token is missing, expired or not valid.');
  }
}

function failedQuery(message: string): QueryFailedError {
  const driverError = Object.assign(new Error(message), {
    code: '23505',
    detail: `Key (access_token)=(${SECRET}) already exists.`,
    where: SECRET,
  });
  return new QueryFailedError('INSERT INTO users VALUES ($1)', [SECRET], driverError);
}

describe('ProblemFilter', () => {
  let thrown: unknown;
  let lines: string[];
  let fastify: FastifyInstance;

  beforeEach(() => {
    lines = [];
    const logger: FastifyBaseLogger = createLogger(
      { logLevel: 'info' },
      { write: (line) => void lines.push(line) },
    );
    fastify = Fastify({
      loggerInstance: logger,
      disableRequestLogging: true,
      genReqId: () => 'req-1',
      bodyLimit: 1000,
    });
    explainProblemsAt('https://api.example/base', fastify);
    // As in the application: Nest's filter for what handlers throw, Fastify's own handler for what never reaches one.
    fastify.setErrorHandler((error, request, reply) => sendProblem(error, request, reply));
    fastify.all('/v1/things/:id', async (request, reply) => {
      const host = { switchToHttp: () => ({ getRequest: () => request, getResponse: () => reply }) };
      new ProblemFilter().catch(thrown, host as unknown as ArgumentsHost);
      return reply;
    });
  });
  afterEach(() => fastify.close());

  async function answerTo(error: unknown, url = '/v1/things/7') {
    thrown = error;
    const response = await fastify.inject({ method: 'GET', url });
    return { response, headers: response.headers, body: response.json<Record<string, unknown>>() };
  }

  describe('of a domain error', () => {
    it('answers RFC 9457 with its own status, code, title and message, to be kept by no cache', async () => {
      const { response, headers, body } = await answerTo(new NameTaken());
      expect(response.statusCode).toBe(409);
      expect(headers['content-type']).toBe('application/problem+json; charset=utf-8');
      expect(headers['cache-control']).toBe('no-store');
      expect(body).toEqual({
        type: 'https://api.example/base/problems/duplicate_name',
        title: 'Name already used',
        status: 409,
        detail: 'Another of your platform connections has this name.',
        instance: '/v1/things/7',
        code: 'duplicate_name',
        requestId: 'req-1',
      });
      expect(lines).toEqual([]);
    });

    it('lists the faults of a request', async () => {
      const errors = [{ pointer: '/name', detail: 'name must have 1 to 100 characters' }];
      const { response, body } = await answerTo(new InvalidField(errors));
      expect(response.statusCode).toBe(400);
      expect(body['errors']).toEqual(errors);
    });

    it('sends the headers that belong to it', async () => {
      const { headers } = await answerTo(new NotSignedIn());
      expect(headers['www-authenticate']).toBe('Bearer');
    });

    it('says when to come again, and logs a 503 as a warning with its cause', async () => {
      const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
      const { response, headers } = await answerTo(
        new ServiceUnavailable('Try again shortly.', 1, { cause }),
      );
      expect(response.statusCode).toBe(503);
      expect(headers['retry-after']).toBe('1');
      expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
        expect.objectContaining({
          level: 'warn',
          reqId: 'req-1',
          code: 'service_unavailable',
          error: expect.objectContaining({
            type: 'ServiceUnavailable',
            cause: expect.objectContaining({ code: 'ECONNREFUSED' }),
          }),
        }),
      ]);
    });
  });

  it('does not repeat the query of the address, which may hold a secret', async () => {
    const { response, body } = await answerTo(new NameTaken(), `/v1/things/7?access_token=${SECRET}`);
    expect(body['instance']).toBe('/v1/things/7');
    expect(response.body).not.toContain(SECRET);
  });

  describe('of what Nest and Fastify refuse', () => {
    it.each([
      [new NotFoundException(SECRET), 404, 'route_not_found'],
      [new PayloadTooLargeException(SECRET), 413, 'payload_too_large'],
      [Object.assign(new Error(SECRET), { statusCode: 415 }), 415, 'unsupported_media_type'],
    ])('answers %p as a problem without its own text', async (error, status, code) => {
      const { response, body } = await answerTo(error);
      expect(response.statusCode).toBe(status);
      expect(body).toMatchObject({ status, code, type: `https://api.example/base/problems/${code}` });
      expect(response.body + lines.join('')).not.toContain(SECRET);
    });

    it('gives every 400 a list of faults', async () => {
      const { response, body } = await answerTo(new BadRequestException(SECRET));
      expect(response.statusCode).toBe(400);
      expect(body).toMatchObject({ code: 'malformed_request', errors: [{ pointer: '' }] });
      expect(response.body).not.toContain(SECRET);
    });

    it('refuses a body that is no JSON without repeating it', async () => {
      const response = await fastify.inject({
        method: 'POST',
        url: '/v1/things/7',
        headers: { 'content-type': 'application/json' },
        payload: `{"accessToken": ${SECRET}`,
      });
      expect(response.statusCode).toBe(400);
      expect(response.json()).toMatchObject({ code: 'malformed_request' });
      expect(response.body + lines.join('')).not.toContain(SECRET);
    });

    it('refuses a body that is too large, and one of another type', async () => {
      const post = (type: string, payload: string) =>
        fastify.inject({
          method: 'POST',
          url: '/v1/things/7',
          headers: { 'content-type': type },
          payload,
        });
      const large = await post('application/json', JSON.stringify('x'.repeat(2000)));
      expect([large.statusCode, large.json<{ code: string }>().code]).toEqual([413, 'payload_too_large']);
      const xml = await post('application/xml', '<name/>');
      expect([xml.statusCode, xml.json<{ code: string }>().code]).toEqual([415, 'unsupported_media_type']);
    });

    it.each([new ForbiddenException(SECRET), new ImATeapotException(SECRET)])(
      'answers %p, which nothing here throws, as a fault of this program',
      async (error) => {
        const { response } = await answerTo(error);
        expect(response.statusCode).toBe(500);
        expect(response.body).not.toContain(SECRET);
      },
    );
  });

  describe('of anything else', () => {
    it.each([
      ['an error', new TypeError(`cannot read ${SECRET}`)],
      ['a text', SECRET],
      ['an object', { message: SECRET }],
      ['null', null],
      ['undefined', undefined],
    ])('answers 500 without a word of it: %s', async (_, error) => {
      const { response, body } = await answerTo(error);
      expect(response.statusCode).toBe(500);
      expect(body).toMatchObject({ code: 'internal_error', title: 'Internal error', requestId: 'req-1' });
      expect(response.body).not.toContain(SECRET);
    });

    it('logs the class, message and place of an error, with the request', async () => {
      await answerTo(new TypeError('cannot read x of undefined'));
      expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
        expect.objectContaining({
          level: 'error',
          reqId: 'req-1',
          code: 'internal_error',
          error: expect.objectContaining({
            type: 'TypeError',
            message: 'cannot read x of undefined',
            stack: expect.stringContaining('problem.filter.spec'),
          }),
        }),
      ]);
    });

    it('logs of what is no error only its type', async () => {
      await answerTo(SECRET);
      expect(lines.join('')).not.toContain(SECRET);
      expect(JSON.parse(lines[0] ?? '')).toMatchObject({ error: { type: 'string' } });
    });

    it.each([
      ['alone', failedQuery(`invalid input syntax for type integer: "${SECRET}"`)],
      ['over several lines', failedQuery(`invalid input syntax for type integer: "first\n${SECRET}"`)],
      [
        'as the cause of another error',
        new Error('could not save', { cause: failedQuery(`duplicate key "${SECRET}"`) }),
      ],
      [
        'as the cause of a domain error',
        new ServiceUnavailable('Try again shortly.', 1, { cause: failedQuery(`not written: "${SECRET}"`) }),
      ],
    ])('never logs the message of a failed query, which can quote a row: %s', async (_, error) => {
      const { response } = await answerTo(error);
      expect(lines).toHaveLength(1);
      expect(lines[0]).toContain('23505');
      expect(lines[0]).not.toContain(SECRET);
      expect(response.body).not.toContain(SECRET);
    });
  });

  it('adds nothing to an answer that is under way, and still logs the fault', async () => {
    fastify.get('/sent', async (request, reply) => {
      await reply.send('done');
      sendProblem(new Error('too late'), request, reply);
      return reply;
    });
    const response = await fastify.inject('/sent');
    expect([response.statusCode, response.body]).toEqual([200, 'done']);
    expect(lines.join('')).toContain('too late');
  });
});
