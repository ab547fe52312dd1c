import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { type DefaultEventsMap, Server } from 'socket.io';
import { DomainError, InvalidField } from '../common/domain-error.js';
import { faultText } from '../common/fault-text.js';
import { AppConfig } from '../config/app-config.js';
import { addressKey } from '../http/address-key.js';
import { Unauthenticated } from '../http/auth/auth.errors.js';
import { BARE_SECURITY_HEADERS, endWithProblem } from '../http/hardening.js';
import { RateLimited } from '../rate-limit/rate-limit.errors.js';
import { RateLimiter, type Verdict } from '../rate-limit/rate-limiter.js';
import type { Credential } from './credential.js';
import { EventClients } from './event-clients.js';
import { EventFeed } from './event-feed.js';
import { addressReader, authSchema, authenticateSchema, isAllowedOrigin } from './handshake.js';
import { type ClientEvents, type ServerEvents, SocketSink } from './socket-sink.js';
import { UpgradedSockets } from './upgraded-sockets.js';

const SOCKET_PATH = '/socket.io/';
/** Clients send little more than a token. */
const MAX_MESSAGE_BYTES = 16 * 1024;
/** Time from the transport's connection to a verified token. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Time for clients to confirm that their connection has ended. */
const GRACE_MS = 1000;
/** After an internal error, tells clients when to retry. Without it they would never reconnect. */
const RETRY_AFTER_FAULT_SECONDS = 5;

interface ClientState {
  credential: Credential;
  lastEventId: number | null;
}
type EventServer = Server<ClientEvents, ServerEvents, DefaultEventsMap, Partial<ClientState>>;
type EventSocket = Parameters<Parameters<EventServer['use']>[0]>[0];

/**
 * Socket.IO next to Fastify, on the same port. Processes exchange nothing: each reads the outbox for its own clients, so
 * every change reaches every client, in order, even while Redis is down.
 */
@Injectable()
export class EventsGateway implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #logger = new Logger('Events');
  #io: EventServer | null = null;
  #upgraded: UpgradedSockets | null = null;
  #closing = false;
  readonly #addressOf: (request: IncomingMessage) => string;

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly clients: EventClients,
    private readonly feed: EventFeed,
    private readonly limiter: RateLimiter,
    private readonly config: AppConfig,
  ) {
    this.#addressOf = addressReader(config);
  }

  onApplicationBootstrap(): void {
    // The CLI commands run without an HTTP server.
    const http = this.host.httpAdapter?.getHttpServer() as HttpServer | undefined;
    if (http === undefined) return;
    this.feed.start();
    this.#upgraded = new UpgradedSockets(http);
    // Fastify sees no request that asks for an upgrade, so the limit of its address and the 404 are ours to give.
    http.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
      if (request.url?.startsWith(SOCKET_PATH)) return;
      const verdict = this.#take(this.#addressOf(request));
      endWithProblem(
        socket,
        verdict === null || verdict.admitted ? { statusCode: 404 } : new RateLimited(verdict.resetSeconds),
        this.host.httpAdapter.getInstance<FastifyInstance>(),
      );
    });
    this.#io = this.#attach(http);
    this.#stripBasePath(http);
  }

  /** Runs before the HTTP server closes. The server would wait for these connections, which do not end by themselves. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#closing = true;
    this.clients.closeAll('shutdown');
    await this.#upgraded?.ended(GRACE_MS);
    this.#io?.engine.close();
    this.#upgraded?.destroy();
    await this.feed.stop();
  }

  #attach(http: HttpServer): EventServer {
    const io: EventServer = new Server(http, {
      path: SOCKET_PATH,
      // The requests of a client that polls would reach several processes, of which one knows it.
      ...(this.config.workers > 1 && { transports: ['websocket'] }),
      serveClient: false,
      maxHttpBufferSize: MAX_MESSAGE_BYTES,
      connectTimeout: CONNECT_TIMEOUT_MS,
      httpCompression: false,
      perMessageDeflate: false,
      cors: { origin: [...this.config.corsOrigins] },
      allowRequest: (request, decide) => decide(null, this.#admits(request)),
    });
    io.engine.on('headers', (headers: Record<string, string>) =>
      Object.assign(headers, BARE_SECURITY_HEADERS),
    );
    // Socket.IO always creates the default namespace; it is not used.
    io.use((_socket, next) => next(connectError(new InvalidField([{ pointer: '', detail: 'use /events' }]))));
    io.of('/events')
      .use((socket, next) => {
        this.#admit(socket).then(
          () => next(),
          (error: unknown) => next(this.#refusal(error)),
        );
      })
      .on('connection', (socket) => this.#serve(socket));
    return io;
  }

  #admits(request: IncomingMessage): boolean {
    if (this.#closing || !isAllowedOrigin(request, this.config)) return false;
    return this.#take(this.#addressOf(request))?.admitted ?? true;
  }

  /** As `withoutBasePath` does for Fastify's routes. Called last, so that Socket.IO's own listeners come after it. */
  #stripBasePath(http: HttpServer): void {
    const { basePath } = this.config;
    if (basePath === '') return;
    const strip = (request: IncomingMessage): void => {
      if (request.url?.startsWith(basePath + SOCKET_PATH)) request.url = request.url.slice(basePath.length);
    };
    http.prependListener('request', strip);
    http.prependListener('upgrade', strip);
  }

  /** Counts a request of the address. Null without limits. */
  #take(address: string): Verdict | null {
    const { enabled, addressPerMinute } = this.config.rateLimits;
    return enabled ? this.limiter.take('address', addressKey(address), addressPerMinute) : null;
  }

  /** @throws {DomainError} the same error that an HTTP request with this token would get. */
  async #admit(socket: EventSocket): Promise<void> {
    const auth = authSchema.safeParse(socket.handshake.auth);
    if (!auth.success) {
      const field = auth.error.issues[0]?.path[0];
      if (field === 'token') throw new Unauthenticated('This needs an access token: auth: { token }.');
      throw new InvalidField([{ pointer: '/lastEventId', detail: 'must be the id of an event' }]);
    }
    const credential = await this.clients.authenticate(auth.data.token, this.#addressOf(socket.request));
    this.#count(credential);
    this.clients.assertRoom(credential);
    socket.data = { credential, lastEventId: auth.data.lastEventId ?? null };
  }

  /** Counts a connection or message towards the user's rate limit. @throws {RateLimited} */
  #count({ user }: Credential): void {
    const { enabled, userPerMinute } = this.config.rateLimits;
    if (!enabled) return;
    const { admitted, resetSeconds } = this.limiter.take('user', user.id, userPerMinute);
    if (!admitted) throw new RateLimited(resetSeconds);
  }

  #serve(socket: EventSocket): void {
    const { credential, lastEventId } = socket.data as ClientState;
    const sink = new SocketSink(socket);
    let leave: () => void;
    try {
      leave = this.clients.join(credential, sink, lastEventId);
    } catch {
      // There was room when the client was authenticated, but others have joined since.
      this.clients.drop(sink, 'too_many');
      return;
    }
    socket.on('disconnect', leave);
    socket.use((_packet, next) => {
      try {
        this.#count(credential);
        next();
      } catch {
        this.clients.drop(sink, 'too_many');
      }
    });
    socket.on('authenticate', (message, acknowledge) => {
      void this.#replaceToken(credential, message).then((reply) => {
        if (typeof acknowledge === 'function') (acknowledge as (reply: unknown) => void)(reply);
      });
    });
  }

  async #replaceToken(credential: Credential, message: unknown): Promise<{ ok: boolean; code?: string }> {
    try {
      const parsed = authenticateSchema.safeParse(message);
      if (!parsed.success) throw new Unauthenticated();
      await credential.replace(parsed.data.token);
      return { ok: true };
    } catch (error) {
      return { ok: false, code: this.#refusal(error).data.code };
    }
  }

  #refusal(error: unknown): ConnectError {
    if (error instanceof DomainError) return connectError(error);
    this.#logger.error(`An event client could not connect: ${faultText(error)}`);
    const data = { code: 'internal_error', retryAfterSeconds: RETRY_AFTER_FAULT_SECONDS };
    return Object.assign(new Error('Something went wrong.'), { data });
  }
}

type ConnectError = Error & { readonly data: { readonly code: string; readonly retryAfterSeconds?: number } };

/** The payload of the client's `connect_error`, with the same information as an HTTP error. */
function connectError({ message, code, retryAfterSeconds }: DomainError): ConnectError {
  const data = { code, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) };
  return Object.assign(new Error(message), { data });
}
