import { createHash, randomUUID } from 'node:crypto';
import { type JSONWebKeySet, createLocalJWKSet, jwtVerify } from 'jose';
import { markedSecret } from '../secrets.js';
import type { JsonAnswer } from './fake-oauth.js';

export interface BlueskyClientDocument {
  readonly client_id: string;
  readonly redirect_uris: readonly string[];
  readonly scope: string;
  readonly token_endpoint_auth_method: 'none' | 'private_key_jwt';
  readonly jwks_uri?: string;
}

interface Pushed {
  readonly clientId: string;
  readonly redirectUri: string;
  readonly state: string;
  readonly challenge: string;
  readonly scope: string;
  readonly jkt: string;
  readonly kid: string;
}

interface Session extends Pick<Pushed, 'clientId' | 'scope' | 'jkt' | 'kid'> {
  readonly did: string;
  refreshToken: string;
  revoked: boolean;
}

const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const refusal = (error: string): JsonAnswer => ({ status: 400, body: { error } });

/** The OAuth of an authorization server of the AT Protocol: pushed requests, PKCE, keys bound to tokens, refresh once. */
export class FakeBlueskyOAuth {
  readonly sessions: Session[] = [];
  /** By access token. */
  readonly tokens = new Map<string, Session>();
  /** All that it ever gave out. */
  readonly secrets: string[] = [];
  refreshes = 0;
  expiresInSeconds = 3600;
  /** How each client has authenticated. */
  readonly methods: string[] = [];
  readonly #pushed = new Map<string, Pushed>();
  readonly #codes = new Map<string, Pushed & { readonly did: string }>();

  constructor(
    private readonly issuer: string,
    /** As a browser reaches the application, whatever its public URL. */
    public fetchDocument: (url: string) => Promise<unknown>,
  ) {}

  async push(form: URLSearchParams, jkt: string): Promise<JsonAnswer> {
    const client = await this.#client(form);
    if (client === null) return refusal('invalid_client');
    const { document, kid } = client;
    const redirectUri = form.get('redirect_uri') ?? '';
    const scope = form.get('scope') ?? '';
    const isRight =
      document.redirect_uris.includes(redirectUri) &&
      scope.split(' ').every((name) => document.scope.split(' ').includes(name)) &&
      form.get('code_challenge_method') === 'S256' &&
      form.get('response_type') === 'code';
    if (!isRight) return refusal('invalid_request');
    const uri = `urn:ietf:params:oauth:request_uri:${randomUUID()}`;
    const challenge = form.get('code_challenge') ?? '';
    const state = form.get('state') ?? '';
    this.#pushed.set(uri, { clientId: document.client_id, redirectUri, state, challenge, scope, jkt, kid });
    return { status: 201, body: { request_uri: uri, expires_in: 60 } };
  }

  /** Approved at once, by whom the browser is signed in as. */
  authorize(query: URLSearchParams, did: string, consent: boolean): JsonAnswer {
    const uri = query.get('request_uri') ?? '';
    const pushed = this.#pushed.get(uri);
    if (pushed?.clientId !== query.get('client_id') || pushed === undefined)
      return refusal('invalid_request');
    this.#pushed.delete(uri);
    const target = new URL(pushed.redirectUri);
    target.searchParams.set('iss', this.issuer);
    target.searchParams.set('state', pushed.state);
    if (consent) {
      const code = this.#secret('code');
      this.#codes.set(code, { ...pushed, did });
      target.searchParams.set('code', code);
    } else target.searchParams.set('error', 'access_denied');
    return { status: 302, headers: { Location: target.href } };
  }

  async token(form: URLSearchParams, jkt: string): Promise<JsonAnswer> {
    const client = await this.#client(form);
    if (client === null) return refusal('invalid_client');
    const { kid } = client;
    if (form.get('grant_type') === 'refresh_token')
      return this.#refresh(form.get('refresh_token') ?? '', jkt, kid);
    const code = this.#codes.get(form.get('code') ?? '');
    this.#codes.delete(form.get('code') ?? '');
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    if (code === undefined || code.challenge !== challenge || code.jkt !== jkt || code.kid !== kid)
      return refusal('invalid_grant');
    const { did, clientId, scope } = code;
    const session = { did, clientId, scope, jkt, kid, refreshToken: '', revoked: false };
    this.sessions.push(session);
    return this.#grant(session);
  }

  async revoke(form: URLSearchParams): Promise<JsonAnswer> {
    if ((await this.#client(form)) === null) return refusal('invalid_client');
    const token = form.get('token') ?? '';
    const session =
      this.tokens.get(token) ?? this.sessions.find(({ refreshToken }) => refreshToken === token);
    if (session !== undefined) this.end(session);
    return { status: 200, body: {} };
  }

  end(session: Session): void {
    session.revoked = true;
    for (const [token, owner] of this.tokens) if (owner === session) this.tokens.delete(token);
  }

  /** As if the time of an account's tokens were over. */
  expireTokens(did: string): void {
    for (const [token, owner] of this.tokens) if (owner.did === did) this.tokens.delete(token);
  }

  #refresh(refreshToken: string, jkt: string, kid: string): JsonAnswer {
    const session = this.sessions.find((each) => each.refreshToken === refreshToken);
    if (session === undefined || session.revoked || session.jkt !== jkt || session.kid !== kid)
      return refusal('invalid_grant');
    this.refreshes += 1;
    return this.#grant(session);
  }

  #grant(session: Session): JsonAnswer {
    const accessToken = this.#secret('access-token');
    session.refreshToken = this.#secret('refresh-token');
    this.tokens.set(accessToken, session);
    return {
      status: 200,
      headers: { 'Cache-Control': 'no-store' },
      body: {
        access_token: accessToken,
        refresh_token: session.refreshToken,
        token_type: 'DPoP',
        expires_in: this.expiresInSeconds,
        scope: session.scope,
        sub: session.did,
      },
    };
  }

  /** Null if it does not authenticate as its document says. `kid` is empty for one without keys. */
  async #client(form: URLSearchParams): Promise<{ document: BlueskyClientDocument; kid: string } | null> {
    const clientId = form.get('client_id') ?? '';
    const document = clientId.startsWith('http://localhost?')
      ? loopback(clientId)
      : ((await this.fetchDocument(clientId)) as BlueskyClientDocument);
    if (document.client_id !== clientId) return null;
    this.methods.push(document.token_endpoint_auth_method);
    if (document.token_endpoint_auth_method === 'none') return { document, kid: '' };
    if (form.get('client_assertion_type') !== ASSERTION) return null;
    try {
      const keys = (await this.fetchDocument(document.jwks_uri ?? '')) as JSONWebKeySet;
      const { protectedHeader } = await jwtVerify(
        form.get('client_assertion') ?? '',
        createLocalJWKSet(keys),
        {
          issuer: clientId,
          subject: clientId,
          audience: this.issuer,
          algorithms: ['ES256'],
        },
      );
      return { document, kid: protectedHeader.kid ?? '' };
    } catch {
      return null;
    }
  }

  #secret(what: string): string {
    const secret = markedSecret(what);
    this.secrets.push(secret);
    return secret;
  }
}

function loopback(clientId: string): BlueskyClientDocument {
  const { searchParams } = new URL(clientId);
  return {
    client_id: clientId,
    redirect_uris: searchParams.getAll('redirect_uri'),
    scope: searchParams.get('scope') ?? 'atproto',
    token_endpoint_auth_method: 'none',
  };
}
