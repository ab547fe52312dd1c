import type { OutgoingHttpHeaders } from 'node:http';
import { Controller, Get, Headers, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { InvalidField } from '../common/domain-error.js';
import { AppConfig } from '../config/app-config.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import { Unauthenticated } from '../http/auth/auth.errors.js';
import { bearerToken } from '../http/auth/bearer-token.js';
import { NarrowedToPolicy } from '../http/auth/platform-reach.js';
import { dataHeaders } from '../http/hardening.js';
import { EventClients } from './event-clients.js';
import { lastEventIdSchema } from './last-event-id.js';
import { SseSink } from './sse-sink.js';

const EXAMPLE = [
  'retry: 2741',
  '',
  'id: 128',
  'event: ready',
  'data: {"lastEventId":128}',
  '',
  'id: 129',
  'event: platform',
  'data: {"eventId":129,"type":"platform.deleted","platformId":42,"at":"2026-11-22T12:00:00.000Z"}',
  '',
  '',
].join('\n');

@ApiTags('events')
@Controller('v1/events')
export class EventsController {
  readonly #securityHeaders: Readonly<Record<string, string>>;

  constructor(
    private readonly clients: EventClients,
    config: AppConfig,
  ) {
    this.#securityHeaders = Object.fromEntries(dataHeaders(config.production));
  }

  @Get()
  @Authenticated('platforms:read')
  @NarrowedToPolicy()
  @ApiOperation({
    summary: 'Stream changes to your platform connections',
    description: [
      'Server-sent events, without end. `platform`: a change, with `eventId`, `type`, `platformId`, `at` and, unless the',
      'connection was deleted, `platform`, its current state. `ready`: all missed events were sent. `reset`: missed',
      'events are more than a day old; reload your connections. `closing`: the server closes the stream; with code',
      '`unauthenticated` the token has expired or was revoked, otherwise reconnect with `Last-Event-ID`. An event may be',
      'sent twice, with the same `eventId`. Ids increase. Also available over Socket.IO: see /asyncapi.json.',
      '',
      'Not to be run in Swagger UI, which waits for the end of a response:',
      '`curl -N -H "Authorization: Bearer $TOKEN" http://localhost:3000/v1/events`',
    ].join('\n'),
  })
  @ApiHeader({
    name: 'last-event-id',
    required: false,
    schema: { type: 'string', pattern: '^\\d{1,16}$', example: '128' },
    description: 'Start with the events after this one',
  })
  @ApiProduces('text/event-stream')
  @ApiOkResponse({ content: { 'text/event-stream': { schema: { type: 'string' }, example: EXAMPLE } } })
  @ApiProblems([400, 503])
  async stream(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Headers('last-event-id') header?: string,
  ): Promise<void> {
    const lastEventId = header === undefined || header === '' ? null : parseId(header);
    const token = bearerToken(request.headers.authorization);
    if (token === undefined) throw new Unauthenticated();
    const credential = await this.clients.authenticate(token, request.ip);
    this.clients.assertRoom(credential);
    reply.headers({
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      // Tells nginx and other proxies not to buffer the response.
      'X-Accel-Buffering': 'no',
    });
    if (request.method === 'HEAD') {
      await reply.send();
      return;
    }
    // Past Fastify's `send`: a stream and what waits for its end would be several kilobytes for each client.
    reply.hijack();
    const { raw } = reply;
    // Without chunks, an event is one write to the socket. The end of the connection is the end of the body.
    raw.removeHeader('transfer-encoding');
    const headers = reply.getHeaders() as OutgoingHttpHeaders;
    raw.writeHead(200, { ...this.#securityHeaders, ...headers, 'x-request-id': request.id });
    const leave = this.clients.join(credential, new SseSink(raw), lastEventId);
    if (raw.destroyed) leave();
    else raw.once('close', leave);
  }
}

function parseId(text: string): number {
  const parsed = lastEventIdSchema.safeParse(text);
  if (!parsed.success) {
    throw new InvalidField([{ pointer: '#Last-Event-ID', detail: 'must be the id of an event' }]);
  }
  return parsed.data;
}
