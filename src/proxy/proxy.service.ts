import type { IncomingMessage } from 'node:http';
import { Transform } from 'node:stream';
import { Injectable, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CacheMeter } from '../cache/cache-meter.js';
import { DomainError, ServiceUnavailable } from '../common/domain-error.js';
import { AppConfig } from '../config/app-config.js';
import { CredentialCipher } from '../credentials/credential-cipher.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { unparsedBodyOf } from '../http/unparsed-body.js';
import { InstanceTimeout, OutgoingRequestError } from '../instances/guarded-http.errors.js';
import { InstanceTransport } from '../instances/instance-transport.js';
import { LastUsed } from '../platforms/last-used.js';
import type { PlatformView } from '../platforms/platform-view.js';
import { NeedsReconnect, PlatformInactive, PlatformNotFound } from '../platforms/platforms.errors.js';
import { PlatformsService } from '../platforms/platforms.service.js';
import { BlueskyAccess, type BlueskyWay } from '../platforms/renewal/bluesky-access.js';
import { AnswerRelay } from './answer-relay.js';
import { CallerGone, ExchangeTimer } from './exchange-timer.js';
import { InstanceCourtesy } from './instance-courtesy.js';
import { isLoop, requestHeaders } from './proxied-headers.js';
import { ProxyAudit } from './proxy-audit.js';
import { ProxyMeter, outcomeOf } from './proxy-meter.js';
import { type ProxyTarget, proxyTarget } from './proxy-path.js';
import { ProxyPolicy } from './proxy-policy.js';
import { CallerTooSlow, CredentialEchoed, ProxyLoop, instanceFailure } from './proxy.errors.js';
import { RefusedToken } from './refused-token.js';
import { authenticated, isTokenRefused, type ProxiedRequest } from './request-authentication.js';
import { bodyOf } from './request-body.js';
import { TokenGuard } from './token-guard.js';

/** For both bodies together, however steadily they come. */
const TOTAL_MS = 10 * 60_000;

/** A connection that may be used, where its requests go, and what authorizes them. */
interface Opened {
  readonly view: PlatformView;
  readonly origin: string;
  readonly accessToken: string;
  authenticated(request: ProxiedRequest): ProxiedRequest | Promise<ProxiedRequest>;
  /** Whether an answer only asks for another proof that the token is ours. */
  wantsNewProof(answer: IncomingMessage): boolean;
}

interface Exchange {
  readonly target: ProxyTarget;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly timer: ExchangeTimer;
}

/** Sends requests to the instances of connections, with their credentials. */
@Injectable()
export class ProxyService {
  readonly #logger = new Logger('Proxy');

  constructor(
    private readonly platforms: PlatformsService,
    private readonly cipher: CredentialCipher,
    private readonly transport: InstanceTransport,
    private readonly bluesky: BlueskyAccess,
    private readonly relay: AnswerRelay,
    private readonly lastUsed: LastUsed,
    private readonly cacheMeter: CacheMeter,
    private readonly policy: ProxyPolicy,
    private readonly courtesy: InstanceCourtesy,
    private readonly refused: RefusedToken,
    private readonly audit: ProxyAudit,
    private readonly meter: ProxyMeter,
    private readonly config: AppConfig,
  ) {}

  /** @throws {DomainError} if the caller gets no answer of the instance. */
  async forward(
    user: AuthUser,
    platformId: number,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> {
    const started = performance.now();
    const timer = this.timerFor(request);
    const onClose = (): void => timer.end(new CallerGone());
    reply.raw.once('close', onClose);
    let outcome = 'failed';
    try {
      const status = await this.exchange(user, platformId, request, reply, timer);
      outcome = outcomeOf(status);
    } catch (error) {
      const failure = error instanceof OutgoingRequestError ? instanceFailure(error) : error;
      outcome = outcomeOf(failure);
      if (failure instanceof CredentialEchoed) await this.reportEcho(platformId, request);
      // Nobody can hear of it: the caller has gone, or has a part of the answer.
      if (!(failure instanceof CallerGone) && !reply.raw.headersSent) throw failure;
      if (!(failure instanceof CallerGone || failure instanceof DomainError)) throw failure;
    } finally {
      reply.raw.off('close', onClose);
      timer.stop();
      this.meter.record({ method: request.method, outcome, seconds: (performance.now() - started) / 1000 });
    }
  }

  private async exchange(
    user: AuthUser,
    platformId: number,
    request: FastifyRequest,
    reply: FastifyReply,
    timer: ExchangeTimer,
  ): Promise<number> {
    const { raw } = request;
    const target = proxyTarget(raw.url ?? '');
    if (isLoop(raw.headers)) throw new ProxyLoop();
    await this.policy.admit(user, request.method, target.path);
    const opened = await timer.during(this.open(user, platformId));
    const body = await bodyOf(raw, this.config.proxy.bodyLimitBytes, timer);
    const { contentType, length } = unparsedBodyOf(raw);
    const outgoing: ProxiedRequest = {
      method: request.method,
      origin: opened.origin,
      target: target.path + target.query,
      headers: {
        ...requestHeaders(raw.headers),
        ...(body !== null && contentType !== undefined && { 'content-type': contentType }),
        ...(body !== null && length !== null && { 'content-length': String(length) }),
      },
      body,
    };
    let leave = (): void => undefined;
    try {
      leave = await this.courtesy.enter(opened.origin);
      await this.audit.sending(platformId, request.method, target.path);
      return await this.ask(opened, outgoing, { target, request, reply, timer });
    } finally {
      leave();
      // An answer, or a refusal, may come before the end of the body, which nobody needs any more.
      if (body instanceof Transform) timer.end(new CallerGone());
    }
  }

  private async ask(
    opened: Opened,
    outgoing: ProxiedRequest,
    { target, request, reply, timer }: Exchange,
  ): Promise<number> {
    const { view } = opened;
    this.lastUsed.note(view.id);
    let used = opened;
    let incoming = await this.send(used, outgoing, timer);
    if (view.status !== 'token_invalid' && isTokenRefused(view.platformType, incoming)) {
      const renewed = await timer.during(this.refused.renewed(view, used.accessToken));
      if (renewed !== null && canRepeat(outgoing)) {
        incoming.destroy();
        used = await timer.during(this.withWay(view, renewed));
        incoming = await this.send(used, outgoing, timer);
      }
    }
    await this.relay.send(
      { incoming, timer, guard: new TokenGuard(used.accessToken), ...this.addresses(used, target) },
      request,
      reply,
    );
    return incoming.statusCode ?? 0;
  }

  private async send(
    opened: Opened,
    outgoing: ProxiedRequest,
    timer: ExchangeTimer,
  ): Promise<IncomingMessage> {
    const once = async (): Promise<IncomingMessage> => {
      const incoming = await this.transport.send({
        ...(await opened.authenticated(outgoing)),
        signal: timer.signal,
      });
      timer.touch();
      return incoming;
    };
    const incoming = await once();
    if (!opened.wantsNewProof(incoming) || !canRepeat(outgoing)) return incoming;
    incoming.destroy();
    return once();
  }

  /** For the owner and for the operator. Neither gets the token. */
  private async reportEcho(platformId: number, { id, method, raw }: FastifyRequest): Promise<void> {
    this.#logger.warn(`Request ${id}: the instance of connection ${platformId} sent the access token back`);
    try {
      await this.audit.echoed(platformId, method, proxyTarget(raw.url ?? '').path);
    } catch (error) {
      if (!(error instanceof ServiceUnavailable)) throw error;
      this.#logger.warn(`Request ${id}: this could not be recorded in the audit trail`);
    }
  }

  /** @throws {PlatformNotFound | PlatformInactive | NeedsReconnect} */
  private async open(user: AuthUser, platformId: number): Promise<Opened> {
    const read = await this.platforms.find(platformId);
    this.cacheMeter.record(read);
    const platform = read.value;
    if (platform === null || platform.view.userId !== user.id) throw new PlatformNotFound();
    if (!platform.view.isActive) throw new PlatformInactive('An inactive platform connection is not used.');
    const credentials = this.cipher.decrypt(platform.view, platform.credentials);
    if (credentials === null) throw new NeedsReconnect();
    return this.withWay(platform.view, credentials.accessToken);
  }

  /** @param accessToken not needed where it is read together with the key that it is bound to. */
  private async withWay(view: PlatformView, accessToken: string): Promise<Opened> {
    const { platformType, instanceUrl: origin } = view;
    if (platformType === 'bluesky') return ofBluesky(view, await this.bluesky.open(view.id));
    return {
      view,
      origin,
      accessToken,
      authenticated: (request) => authenticated(platformType, request, accessToken),
      wantsNewProof: () => false,
    };
  }

  private addresses({ view: { id }, origin }: Opened, { path, query }: ProxyTarget) {
    const prefix = `${this.config.basePath}/v1/platforms/${id}/proxy`;
    return { from: new URL(path + query, origin), prefix };
  }

  private timerFor({ raw }: FastifyRequest): ExchangeTimer {
    const isWaitingForCaller = (): boolean => !raw.complete && raw.readableLength === 0;
    return new ExchangeTimer({ idleMs: this.config.instanceTimeoutMs, totalMs: TOTAL_MS }, () =>
      isWaitingForCaller() ? new CallerTooSlow() : new InstanceTimeout(),
    );
  }
}

/** A large body is gone once it has been sent. */
function canRepeat({ body }: ProxiedRequest): boolean {
  return !(body instanceof Transform);
}

function ofBluesky(view: PlatformView, way: BlueskyWay): Opened {
  return {
    view,
    origin: way.origin,
    accessToken: way.accessToken,
    authenticated: async (request) => {
      const proof = await way.headers(request.method, request.target);
      return { ...request, headers: { ...request.headers, ...proof } };
    },
    wantsNewProof: ({ statusCode = 0, headers }) => way.heard(statusCode, headers),
  };
}
