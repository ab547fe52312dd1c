import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Deferred, deferred } from '../barrier.js';
import { type Echo, credentialsIn, echo } from './echo.js';
import { FakeCollections } from './fake-collections.js';
import { FakeMisskey } from './fake-misskey.js';
import { FakeOAuth, type JsonAnswer } from './fake-oauth.js';
import { misbehave, type Misbehaviour } from './misbehaviour.js';
import { BEHAVIOURS, type Behaviour, type FakeSoftware, type TokenState } from './softwares.js';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  /** The fields of the body, which is a form or a JSON object. */
  readonly form: URLSearchParams;
  /** Milliseconds, by performance.now(). */
  readonly at: number;
}

export interface FakeAccount {
  readonly username: string;
  readonly displayName: string;
  /** Where its picture is said to be, if not at /avatars/<username>.png. */
  readonly avatar?: unknown;
  readonly followers?: number;
  /** The account that replaced it, as the API shows it. */
  readonly moved?: unknown;
}

/** A server on loopback that plays an instance. Everything it was asked is in `requests`. */
export class FakeInstance {
  readonly requests: SeenRequest[] = [];
  readonly oauth: FakeOAuth;
  readonly misskey: FakeMisskey | null;
  readonly collections = new FakeCollections();
  /** The state of each token that was not issued by `oauth`; unknown ones are invalid. */
  readonly tokenStates = new Map<string, TokenState>();
  /** Bad answers by path (of MiAuth, without its session), or `*` for all. */
  readonly misbehaviours = new Map<string, Misbehaviour>();
  /** What is not JSON, by path. */
  readonly files = new Map<string, { readonly type: string; readonly bytes: Buffer }>();
  /** Where a path leads instead, by path or by host and path. */
  readonly redirects = new Map<string, string>();
  /** It answers with the credentials that it was sent. */
  echoing: Echo | null = null;
  accounts = new Map<string, FakeAccount>([['1', { username: 'alice', displayName: 'Alice' }]]);
  rateLimited = false;
  /** Whose own limit is reached. */
  readonly limitedTokens = new Set<string>();
  secureMode = false;
  /** Who is signed in at the instance in the browser, and whether they agree. */
  signedIn = '1';
  consent = true;
  nodeinfo: unknown;
  /** Instead of the links that it has. */
  discovery: unknown;
  connections = 0;
  metadataEdits: Readonly<Record<string, unknown>> = {};
  private readonly held = new Map<string, { arrived: Deferred<void>; opened: Deferred<void> }>();

  constructor(
    private readonly server: http.Server | https.Server,
    readonly origin: string,
    readonly behaviour: Behaviour,
  ) {
    this.oauth = new FakeOAuth(behaviour, origin);
    this.misskey = behaviour.misskey === undefined ? null : new FakeMisskey(this, behaviour.misskey);
    server.on('connection', () => (this.connections += 1));
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void this.answer(request, response);
    });
  }

  /** `host:port`, as for INSTANCE_HOST_ALLOWLIST. */
  get host(): string {
    return new URL(this.origin).host;
  }

  /** The next request of the path waits until the test opens. */
  hold(path: string): { readonly arrived: Promise<void>; open(): void } {
    const arrived = deferred();
    const opened = deferred();
    this.held.set(path, { arrived, opened });
    return { arrived: arrived.promise, open: () => opened.resolve() };
  }

  addToken(token: string, state: TokenState = 'good'): string {
    this.tokenStates.set(token, state);
    return token;
  }

  asked(path: string): SeenRequest[] {
    return this.requests.filter((request) => request.path === path);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const at = performance.now();
    const url = new URL(request.url ?? '/', this.origin);
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const contentType = request.headers['content-type'];
    const form = fieldsOf(body, contentType);
    const authorization = request.headers.authorization;
    this.requests.push({ method: request.method ?? '', path: url.pathname, authorization, form, at });
    const held = this.held.get(url.pathname);
    if (held !== undefined) {
      this.held.delete(url.pathname);
      held.arrived.resolve();
      await held.opened.promise;
    }
    if (this.echoing !== null) return echo(this.echoing, credentialsIn(authorization, form), response);
    const bad =
      this.misbehaviours.get(url.pathname) ??
      this.misbehaviours.get(url.pathname.replace(/[\w-]{36}\/check$/, '')) ??
      this.misbehaviours.get('*');
    if (bad !== undefined) return misbehave(bad, request, response);
    const leadsTo =
      this.redirects.get(`${request.headers.host ?? ''}${url.pathname}`) ?? this.redirects.get(url.pathname);
    if (leadsTo !== undefined) {
      response.writeHead(301, { Location: leadsTo }).end();
      return;
    }
    const file = this.files.get(url.pathname);
    if (file !== undefined) {
      response.writeHead(200, file.type === '' ? {} : { 'Content-Type': file.type }).end(file.bytes);
      return;
    }
    // GoToSocial does this; the others do not mind, so no client may rely on either.
    const answer = request.headers['user-agent']
      ? this.route(request.method ?? '', url, form, authorization, contentType)
      : { status: 418, body: { error: 'I am a teapot' } };
    response.writeHead(answer.status, {
      'Content-Type': 'application/json; charset=utf-8',
      ...answer.headers,
    });
    response.end(answer.body === undefined ? '' : JSON.stringify(answer.body));
  }

  private route(
    method: string,
    url: URL,
    form: URLSearchParams,
    authorization: string | undefined,
    contentType: string | undefined,
  ): JsonAnswer {
    const own = this.misskey?.answer(method, url, form) ?? null;
    if (own !== null) return own;
    if (this.behaviour.otherApi === true && /^\/(?:api|oauth)\//.test(url.pathname))
      return this.misskey?.elsewhere(contentType) ?? notFound();
    const mayUse = (): boolean => this.stateOf(tokenOf(authorization)) === 'good';
    const kept = this.collections.answer(method, url, form, mayUse);
    if (kept !== null) return kept;
    switch (`${method} ${url.pathname}`) {
      case 'GET /.well-known/nodeinfo':
        return {
          status: 200,
          body: this.discovery ?? {
            links: this.behaviour.nodeinfoVersions.map((version) => ({
              rel: `http://nodeinfo.diaspora.software/ns/schema/${version}`,
              href: `${this.origin}/nodeinfo/${version}`,
            })),
          },
        };
      case 'GET /api/v1/instance':
        return this.secureMode
          ? { status: 401, body: { error: 'This API requires an authenticated user' } }
          : { status: 200, body: { title: 'An <b>old</b>\u202e title', version: this.behaviour.version } };
      case 'GET /.well-known/oauth-authorization-server':
        return this.behaviour.metadata || this.behaviour.foreignMetadata === true
          ? { status: 200, body: this.metadata() }
          : notFound();
      case 'POST /api/v1/apps':
        return this.oauth.register(form);
      case 'GET /oauth/authorize':
        return this.oauth.authorize(url.searchParams, this.signedIn, this.consent);
      case 'POST /oauth/token':
        return this.oauth.token(form);
      case 'POST /oauth/revoke':
        return this.oauth.revoke(form);
      case 'GET /api/v1/accounts/verify_credentials':
        return this.verify(authorization);
      default:
        return url.pathname.startsWith('/nodeinfo/') ? this.nodeinfoAnswer() : notFound();
    }
  }

  private nodeinfoAnswer(): JsonAnswer {
    const { name, version } = this.behaviour;
    const body = this.nodeinfo ?? {
      version: '2.0',
      software: { name, version },
      protocols: ['activitypub'],
      metadata: this.behaviour.metadata ? { nodeName: `A small ${name}` } : [],
    };
    return { status: 200, body };
  }

  private metadata(): unknown {
    const isForeign = this.behaviour.foreignMetadata === true;
    const oauth = isForeign ? `${this.origin}/plugin/oauth` : `${this.origin}/oauth`;
    return {
      issuer: `${this.origin}/`,
      authorization_endpoint: `${oauth}/authorize`,
      token_endpoint: `${oauth}/token`,
      revocation_endpoint: `${oauth}/revoke`,
      app_registration_endpoint: isForeign ? `${oauth}/register` : `${this.origin}/api/v1/apps`,
      scopes_supported: this.behaviour.scopesSupported ?? ['read', 'profile', 'read:accounts'],
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'client_credentials'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      ...this.metadataEdits,
    };
  }

  private verify(authorization: string | undefined): JsonAnswer {
    const token = tokenOf(authorization);
    if (this.isLimited(token) && this.behaviour.rateLimited !== null) return this.behaviour.rateLimited;
    const issued = this.oauth.tokens.get(token);
    const state = this.stateOf(token);
    if (state !== 'good') return this.behaviour.refusals[state] ?? { status: 500 };
    const id = issued?.accountId ?? '1';
    const account = this.accounts.get(id);
    if (account === undefined) return this.behaviour.refusals.invalid ?? { status: 401 };
    return {
      status: 200,
      headers: this.behaviour.rateLimitHeaders(new Date('2030-01-01T00:05:00Z')),
      body: {
        id,
        username: account.username,
        acct: account.username,
        display_name: account.displayName,
        avatar:
          account.avatar === undefined ? `${this.origin}/avatars/${account.username}.png` : account.avatar,
        url: `${this.origin}/@${account.username}`,
        uri: `${this.origin}/users/${account.username}`,
        followers_count: account.followers ?? 12,
        following_count: 34,
        statuses_count: 56,
        ...(account.moved !== undefined && { moved: account.moved }),
      },
    };
  }

  isLimited(token: string): boolean {
    return this.rateLimited || this.limitedTokens.has(token);
  }

  stateOf(token: string): TokenState {
    const issued = this.oauth.tokens.get(token);
    const known = this.tokenStates.get(token);
    if (known !== undefined || issued === undefined) return known ?? 'invalid';
    return issued.scopes.split(' ').some((scope) => this.behaviour.verifyScopes.includes(scope))
      ? 'good'
      : 'missing-scope';
  }
}

function tokenOf(authorization: string | undefined): string {
  return /^Bearer (.+)$/.exec(authorization ?? '')?.[1] ?? '';
}

function fieldsOf(body: string, contentType: string | undefined): URLSearchParams {
  const isJson = contentType?.startsWith('application/json') === true;
  return new URLSearchParams(isJson ? (JSON.parse(body) as Record<string, string>) : body);
}

function notFound(): JsonAnswer {
  return { status: 404, body: { error: 'Not found' } };
}

export interface FakeInstanceOptions {
  readonly version?: string;
  readonly port?: number | undefined;
  /** PEM; http without. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** The caller closes it. */
export async function startFakeInstance(
  software: FakeSoftware,
  { version, tls, port: given = 0 }: FakeInstanceOptions = {},
): Promise<FakeInstance> {
  const server = tls === undefined ? http.createServer() : https.createServer(tls);
  server.listen(given, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const origin = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  const behaviour = BEHAVIOURS[software];
  return new FakeInstance(server, origin, version === undefined ? behaviour : { ...behaviour, version });
}
