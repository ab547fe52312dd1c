import { Controller, Get, Headers, Req, Res } from '@nestjs/common';
import { ApiHeader, ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Unauthenticated } from '../auth/auth.errors.js';
import { bearerToken } from '../auth/bearer-token.js';
import { InvalidField } from '../common/domain-error.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
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
  constructor(private readonly clients: EventClients) {}

  @Get()
  @Authenticated('platforms:read')
  @ApiOperation({
    summary: 'Changes of your platform connections, as they happen',
    description: [
      'Server-sent events, without end. `platform` is a change: `eventId`, `type`, `platformId`, `at` and, unless it was',
      'deleted, `platform`, the connection as it is now. `ready`: everything missed was sent. `reset`: what was missed is',
      'more than a day old, load your connections anew. `closing`: the connection ends; with code `unauthenticated` the',
      'token has expired or was revoked, otherwise come back with `Last-Event-ID`. An event may come twice, with the same',
      '`eventId`; ids grow. The same over Socket.IO: /asyncapi.json.',
    ].join('\n'),
  })
  @ApiHeader({
    name: 'last-event-id',
    required: false,
    schema: { type: 'string', pattern: '^\\d{1,16}$', example: '128' },
    description: 'Send first what came after this event',
  })
  @ApiProduces('text/event-stream')
  @ApiOkResponse({ content: { 'text/event-stream': { schema: { type: 'string' }, example: EXAMPLE } } })
  @ApiProblems([400, 503])
  async stream(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Headers('last-event-id') given?: string,
  ): Promise<void> {
    const lastEventId = given === undefined || given === '' ? null : parseId(given);
    const token = bearerToken(request.headers.authorization ?? '');
    if (token === undefined) throw new Unauthenticated();
    const credential = await this.clients.authenticate(token);
    this.clients.assertRoom(credential);
    reply.headers({
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      // For proxies that collect answers before they pass them on.
      'X-Accel-Buffering': 'no',
    });
    if (request.method === 'HEAD') {
      await reply.send();
      return;
    }
    const sink = new SseSink(reply.raw);
    // Fastify destroys the stream when the client goes.
    sink.stream.once('close', this.clients.join(credential, sink, lastEventId));
    await reply.send(sink.stream);
  }
}

function parseId(text: string): number {
  const parsed = lastEventIdSchema.safeParse(text);
  if (!parsed.success) {
    throw new InvalidField([{ pointer: '#Last-Event-ID', detail: 'must be the id of an event' }]);
  }
  return parsed.data;
}
