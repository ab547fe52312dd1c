import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import { DpopGuard } from './dpop-guard.js';
import { FakeBlueskyOAuth } from './fake-bluesky-oauth.js';
import type { JsonAnswer } from './fake-oauth.js';

export interface BlueskyAccount {
  readonly did: string;
  readonly handle: string;
  status?: 'deactivated' | 'suspended' | 'takendown';
}

/** The identities of a network, as its directory has them (did:plc). */
export class FakeDirectory {
  readonly documents = new Map<string, { handle: string; pds: string }>();
  #server = http.createServer((request, response) => this.#answer(request, response));

  constructor(readonly port: number) {}

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const did = decodeURIComponent((request.url ?? '').slice(1));
    const found = this.documents.get(did);
    response.writeHead(found === undefined ? 404 : 200, { 'Content-Type': 'application/did+ld+json' });
    response.end(
      JSON.stringify(found === undefined ? { message: 'DID not registered' } : documentOf(did, found)),
    );
  }
}

function documentOf(did: string, { handle, pds }: { handle: string; pds: string }): unknown {
  return {
    '@context': ['https://www.w3.org/ns/did/v1'],
    id: did,
    alsoKnownAs: [`at://${handle}`],
    verificationMethod: [],
    service: [{ id: '#atproto_pds', type: 'AtprotoPersonalDataServer', serviceEndpoint: pds }],
  };
}

/** A server on loopback that plays a PDS and, unless it has an issuer, its authorization server too. */
export class FakeBluesky {
  readonly accounts = new Map<string, BlueskyAccount>();
  readonly requests: string[] = [];
  readonly oauth: FakeBlueskyOAuth;
  readonly authorizationNonces = new DpopGuard();
  readonly resourceNonces = new DpopGuard();
  /** Who is signed in in the browser, and whether they agree. */
  signedIn = '';
  consent = true;
  profiles = true;
  rateLimited = false;
  /** What the authorization server answers is an error of its own. */
  failing = false;
  /** The PDS asks this one about tokens. */
  entryway: FakeBluesky;
  #server = http.createServer((request, response) => void this.#answer(request, response));

  constructor(
    readonly port: number,
    private readonly directory: FakeDirectory,
    entryway?: FakeBluesky,
  ) {
    this.entryway = entryway ?? this;
    this.oauth = new FakeBlueskyOAuth(this.origin, async (url) => (await fetch(url)).json());
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** A new account here, with its identity. Its handle is not in the DNS yet. */
  add(handle: string): BlueskyAccount {
    const did = `did:plc:${base32(randomBytes(15))}`;
    const account = { did, handle };
    this.accounts.set(did, account);
    this.directory.documents.set(did, { handle, pds: this.origin });
    this.signedIn = did;
    return account;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.origin);
    let body = '';
    for await (const chunk of request) body += String(chunk);
    this.requests.push(`${request.method} ${url.pathname}`);
    const nonces = url.pathname.startsWith('/xrpc/') ? this.resourceNonces : this.authorizationNonces;
    const answer = await this.#route(request, url, new URLSearchParams(body));
    response.writeHead(answer.status, {
      'Content-Type': 'application/json',
      'DPoP-Nonce': nonces.nonce,
      ...answer.headers,
    });
    response.end(answer.body === undefined ? '' : JSON.stringify(answer.body));
  }

  async #route(request: IncomingMessage, url: URL, form: URLSearchParams): Promise<JsonAnswer> {
    const dpop = request.headers.dpop?.toString();
    const proven = { method: request.method ?? '', url, dpop };
    if (this.failing && url.pathname.startsWith('/oauth/'))
      return { status: 500, body: { error: 'server_error' } };
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /.well-known/oauth-protected-resource':
        return {
          status: 200,
          body: { resource: this.origin, authorization_servers: [this.entryway.origin] },
        };
      case 'GET /.well-known/oauth-authorization-server':
        return this.entryway === this ? { status: 200, body: this.#metadata() } : NOT_FOUND;
      case 'GET /oauth/authorize':
        return this.oauth.authorize(url.searchParams, this.signedIn, this.consent);
      case 'POST /oauth/revoke':
        return this.oauth.revoke(form);
      case 'POST /oauth/par':
      case 'POST /oauth/token': {
        const key = await this.authorizationNonces.check({ ...proven, token: null });
        if (typeof key !== 'string') return key;
        return url.pathname === '/oauth/par' ? this.oauth.push(form, key) : this.oauth.token(form, key);
      }
      case 'GET /xrpc/com.atproto.server.getSession':
      case 'GET /xrpc/app.bsky.actor.getProfile': {
        const token = /^DPoP (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
        const key = await this.resourceNonces.check({ ...proven, token });
        return typeof key === 'string' ? this.#read(url, token, key) : key;
      }
      default:
        return NOT_FOUND;
    }
  }

  #read(url: URL, token: string, key: string): JsonAnswer {
    if (this.rateLimited) return { status: 429, body: { error: 'RateLimitExceeded' } };
    const session = this.entryway.oauth.tokens.get(token);
    const account = this.accounts.get(session?.did ?? '');
    if (session?.jkt !== key || session === undefined || account === undefined)
      return {
        status: 401,
        headers: { 'WWW-Authenticate': 'DPoP error="invalid_token"' },
        body: { error: 'invalid_token' },
      };
    const { did, handle, status } = account;
    if (url.pathname.endsWith('getSession'))
      return { status: 200, body: { did, handle, active: status === undefined, ...(status && { status }) } };
    if (!this.profiles) return { status: 502, body: { error: 'UpstreamFailure' } };
    return {
      status: 200,
      body: {
        did,
        handle,
        displayName: 'Alice <b>of</b> the sky',
        avatar: `${this.origin}/avatar.png`,
        followersCount: 12,
        followsCount: 34,
        postsCount: 56,
      },
    };
  }

  #metadata(): unknown {
    return {
      issuer: this.origin,
      authorization_endpoint: `${this.origin}/oauth/authorize`,
      token_endpoint: `${this.origin}/oauth/token`,
      revocation_endpoint: `${this.origin}/oauth/revoke`,
      pushed_authorization_request_endpoint: `${this.origin}/oauth/par`,
      require_pushed_authorization_requests: true,
      scopes_supported: ['atproto', 'transition:generic'],
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['none', 'private_key_jwt'],
      token_endpoint_auth_signing_alg_values_supported: ['ES256'],
      dpop_signing_alg_values_supported: ['ES256'],
      authorization_response_iss_parameter_supported: true,
      client_id_metadata_document_supported: true,
    };
  }
}

const NOT_FOUND: JsonAnswer = { status: 404, body: { error: 'NotFound' } };

function base32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{5}/g) ?? [])
    .map((five) => 'abcdefghijklmnopqrstuvwxyz234567'[parseInt(five, 2)])
    .join('');
}
