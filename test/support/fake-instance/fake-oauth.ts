import { createHash, randomBytes } from 'node:crypto';
import { markedSecret } from '../secrets.js';
import { type Behaviour, EMPTY_PAGE } from './softwares.js';

export interface FakeApp {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUri: string;
  readonly scopes: string;
}

export interface FakeToken {
  readonly accountId: string;
  readonly clientId: string;
  readonly scopes: string;
}

interface Grant extends FakeToken {
  readonly redirectUri: string;
  readonly challenge: string | null;
}

export interface JsonAnswer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const random = (): string => randomBytes(24).toString('base64url');

/** Applications, codes and tokens of one fake instance. */
export class FakeOAuth {
  readonly apps = new Map<string, FakeApp>();
  readonly tokens = new Map<string, FakeToken>();
  readonly refreshTokens = new Map<string, FakeToken>();
  readonly challenges: (string | null)[] = [];
  /** What is to be kept secret, for who wants to recognise it. */
  makeSecret: (what: string) => string = markedSecret;
  /** Over the fields of each reply with a token; undefined leaves one out. */
  replyEdits: Readonly<Record<string, unknown>> = {};
  private readonly lastUsers = new Map<string, string>();
  private readonly grants = new Map<string, Grant>();

  constructor(
    private readonly behaviour: Behaviour,
    private readonly origin: string,
  ) {}

  register(form: URLSearchParams): JsonAnswer {
    if (!form.has('redirect_uris')) return { status: 422, body: { error: 'Validation failed' } };
    const { strictScopes, scopesSupported = [] } = this.behaviour;
    const scopes = (form.get('scopes') ?? 'read').split(' ');
    if (strictScopes === true && !scopes.every((scope) => scopesSupported.includes(scope)))
      return { status: 422, body: { error: 'invalid_request', zod_error: [{ code: 'invalid_value' }] } };
    const app = {
      clientId: random(),
      clientSecret: this.makeSecret('client-secret'),
      redirectUri: form.get('redirect_uris') ?? '',
      scopes: form.get('scopes') ?? 'read',
    };
    this.apps.set(app.clientId, app);
    return {
      status: 200,
      body: {
        id: String(this.apps.size),
        name: form.get('client_name'),
        redirect_uri: app.redirectUri,
        client_id: app.clientId,
        client_secret: app.clientSecret,
        client_secret_expires_at: 0,
      },
    };
  }

  /** The consent page, agreed to or denied by `accountId` at once. */
  authorize(query: URLSearchParams, accountId: string, consent: boolean): JsonAnswer {
    const app = this.apps.get(query.get('client_id') ?? '');
    const redirectUri = query.get('redirect_uri');
    if (app === undefined || redirectUri !== app.redirectUri) {
      return {
        status: 401,
        body: { error: 'invalid_client', error_description: 'Client authentication failed' },
      };
    }
    const scopes = query.get('scope') ?? '';
    const target = new URL(redirectUri);
    const state = query.get('state');
    if (state !== null) target.searchParams.set('state', state);
    const known = new Set(app.scopes.split(' '));
    if (!consent) target.searchParams.set('error', 'access_denied');
    else if (!scopes.split(' ').every((scope) => known.has(scope)))
      target.searchParams.set('error', 'invalid_scope');
    else {
      const code = this.makeSecret('code');
      const challenge = query.get('code_challenge_method') === 'S256' ? query.get('code_challenge') : null;
      this.challenges.push(challenge);
      this.lastUsers.set(app.clientId, accountId);
      this.grants.set(code, { accountId, clientId: app.clientId, scopes, redirectUri, challenge });
      target.searchParams.set('code', code);
      if (this.behaviour.metadata) target.searchParams.set('iss', `${this.origin}/`);
    }
    return { status: 302, headers: { Location: target.href } };
  }

  token(form: URLSearchParams): JsonAnswer {
    const app = this.apps.get(form.get('client_id') ?? '');
    if (app === undefined || app.clientSecret !== form.get('client_secret'))
      return this.refusal('invalid_client', 401);
    switch (form.get('grant_type')) {
      case 'client_credentials':
        if (this.behaviour.singleUseApps === true) return { status: 400, headers: EMPTY_PAGE };
        return this.issue({ accountId: '', clientId: app.clientId, scopes: 'read' });
      case 'authorization_code':
        return this.exchange(form, app);
      case 'refresh_token':
        return this.refresh(form);
      default:
        return { status: 400, body: { error: 'unsupported_grant_type' } };
    }
  }

  revoke(form: URLSearchParams): JsonAnswer {
    const app = this.apps.get(form.get('client_id') ?? '');
    if (app === undefined || app.clientSecret !== form.get('client_secret')) {
      return { status: 403, body: { error: 'unauthorized_client' } };
    }
    const token = form.get('token') ?? '';
    const clientId = this.tokens.get(token)?.clientId;
    this.tokens.delete(token);
    if (this.behaviour.singleUseApps === true) this.apps.delete(app.clientId);
    if (this.behaviour.revokeKillsAllOfApp) {
      for (const [other, of] of this.tokens) if (of.clientId === clientId) this.tokens.delete(other);
    }
    return { status: 200, body: {} };
  }

  /** As if all codes had been used, or had expired. */
  loseCodes(): void {
    this.grants.clear();
  }

  private exchange(form: URLSearchParams, app: FakeApp): JsonAnswer {
    const code = form.get('code') ?? '';
    const grant = this.grants.get(code);
    this.grants.delete(code);
    const verifier = form.get('code_verifier') ?? '';
    const good =
      grant !== undefined &&
      grant.clientId === app.clientId &&
      grant.redirectUri === form.get('redirect_uri') &&
      (grant.challenge === null ||
        grant.challenge === createHash('sha256').update(verifier).digest('base64url'));
    if (this.behaviour.singleUseApps === true) {
      // Before anybody logs in, the token is of nobody.
      const accountId = this.lastUsers.get(app.clientId) ?? '';
      return this.issue({ accountId, clientId: app.clientId, scopes: 'read' });
    }
    return good ? this.issue(grant) : this.refusal('invalid_grant', 400);
  }

  /** Pleroma and Akkoma say one thing of everything (`render_invalid_credentials_error` of oauth_controller.ex). */
  private refusal(error: 'invalid_client' | 'invalid_grant', status: number): JsonAnswer {
    if (this.behaviour.singleUseApps === true) return { status, headers: EMPTY_PAGE };
    return ['pleroma', 'akkoma'].includes(this.behaviour.name.toLowerCase())
      ? { status: 400, body: { error: 'Invalid credentials' } }
      : { status, body: { error, error_description: 'Refused' } };
  }

  private refresh(form: URLSearchParams): JsonAnswer {
    const given = form.get('refresh_token') ?? '';
    const of = this.refreshTokens.get(given);
    if (!this.behaviour.refreshTokens) return { status: 400, body: { error: 'unsupported_grant_type' } };
    if (of === undefined) return this.refusal('invalid_grant', 400);
    this.refreshTokens.delete(given);
    return this.issue(of);
  }

  issue({ accountId, clientId, scopes }: FakeToken): JsonAnswer {
    const accessToken = this.makeSecret('access-token');
    this.tokens.set(accessToken, { accountId, clientId, scopes });
    const { tokenLifetimeSeconds, refreshTokens } = this.behaviour;
    const refreshToken = this.makeSecret('refresh-token');
    if (refreshTokens) this.refreshTokens.set(refreshToken, { accountId, clientId, scopes });
    return {
      status: 200,
      body: {
        access_token: accessToken,
        token_type: 'Bearer',
        scope: scopes,
        created_at: Math.floor(Date.now() / 1000),
        ...(tokenLifetimeSeconds !== null && { expires_in: tokenLifetimeSeconds }),
        ...(refreshTokens && { refresh_token: refreshToken }),
        ...this.behaviour.tokenReply,
        ...this.replyEdits,
      },
    };
  }
}
