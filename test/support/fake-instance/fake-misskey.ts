import type { FakeAccount } from './fake-instance.js';
import type { FakeOAuth, JsonAnswer } from './fake-oauth.js';
import type { MisskeyBehaviour, TokenState } from './softwares.js';

/** What of the instance its API shows. */
export interface MisskeyHost {
  readonly origin: string;
  readonly oauth: FakeOAuth;
  readonly accounts: ReadonlyMap<string, FakeAccount>;
  readonly signedIn: string;
  readonly consent: boolean;
  stateOf(token: string): TokenState;
  isLimited(token: string): boolean;
}

interface Session {
  readonly token: string;
  fetched: boolean;
}

const RESET = new Date('2030-01-01T00:05:00.000Z');
/** How this instance calls the account that another one has moved to. */
const MOVED_ID = '9new0account';

const refusal = (status: number, code: string, info?: unknown): JsonAnswer => ({
  status,
  body: {
    error: { message: `${code}.`, code, id: 'b0a7f5f8', kind: 'client', ...(info !== undefined && { info }) },
  },
});
const UNKNOWN = refusal(404, 'UNKNOWN_API_ENDPOINT');

/** Misskey's API, as ApiServerService.ts, ApiCallService.ts and the endpoints have it. */
export class FakeMisskey {
  /** Approved at the consent page. */
  readonly sessions = new Map<string, Session>();
  /** Whether applications may revoke their tokens: in no version that we have read, only the person's own sessions. */
  revocable = false;

  constructor(
    private readonly host: MisskeyHost,
    private readonly behaviour: MisskeyBehaviour,
  ) {}

  /** Null where its API has nothing of its own. */
  answer(method: string, url: URL, fields: URLSearchParams): JsonAnswer | null {
    const session = /^\/(?:api\/)?miauth\/([\w-]{36})(?:\/check)?$/.exec(url.pathname)?.[1];
    if (session !== undefined)
      return method === 'GET' ? this.consentPage(session, url.searchParams) : this.check(session);
    switch (`${method} ${url.pathname}`) {
      case 'POST /api/i':
        return this.own(fields.get('i'));
      case 'POST /api/i/revoke-token':
        return this.revoke(fields);
      case 'POST /api/users/show':
        return fields.get('userId') === MOVED_ID
          ? { status: 200, body: { id: MOVED_ID, username: 'alice', host: 'new.example' } }
          : refusal(404, 'NO_SUCH_USER');
      default:
        return null;
    }
  }

  /** Approved at once by whom the browser is signed in as; a person who refuses stays on the page. */
  private consentPage(session: string, query: URLSearchParams): JsonAnswer {
    if (!this.host.consent) return { status: 200, body: 'Denied' };
    const token = this.host.oauth.makeSecret('access-token');
    const scopes = (query.get('permission') ?? '').replaceAll(',', ' ');
    this.host.oauth.tokens.set(token, { accountId: this.host.signedIn, clientId: '', scopes });
    this.sessions.set(session, { token, fetched: false });
    const target = new URL(query.get('callback') ?? '');
    target.searchParams.set('session', session);
    return { status: 302, headers: { Location: target.href } };
  }

  private check(id: string): JsonAnswer {
    const session = this.sessions.get(id);
    if (session === undefined || session.fetched) return { status: 200, body: { ok: false } };
    session.fetched = true;
    return { status: 200, body: { ok: true, token: session.token, user: { username: 'alice' } } };
  }

  private own(token: string | null): JsonAnswer {
    const { badToken, denied, limitInfo } = this.behaviour;
    if (token === null) return refusal(401, 'CREDENTIAL_REQUIRED');
    if (this.host.isLimited(token)) return refusal(429, 'RATE_LIMIT_EXCEEDED', limitInfo(RESET));
    switch (this.host.stateOf(token)) {
      case 'good':
        return this.accountOf(this.host.oauth.tokens.get(token)?.accountId ?? '1');
      case 'missing-scope':
        return refusal(denied, 'PERMISSION_DENIED');
      case 'disabled':
        return refusal(403, 'YOUR_ACCOUNT_SUSPENDED');
      default:
        return refusal(badToken, 'AUTHENTICATION_FAILED');
    }
  }

  private accountOf(id: string): JsonAnswer {
    const account = this.host.accounts.get(id);
    if (account === undefined) return refusal(403, 'USER_IS_DELETED');
    const { username, displayName, avatar, followers = 12, moved } = account;
    return {
      status: 200,
      body: {
        id,
        name: displayName,
        username,
        host: null,
        avatarUrl: avatar === undefined ? `${this.host.origin}/avatars/${username}.png` : avatar,
        url: null,
        uri: null,
        ...(moved === undefined ? { movedTo: null } : this.moved(moved)),
        followersCount: followers,
        followingCount: 34,
        notesCount: 56,
        email: 'alice@mail.example',
      },
    };
  }

  private moved(moved: unknown): Readonly<Record<string, unknown>> {
    switch (this.behaviour.moved) {
      case 'id':
        return { movedTo: MOVED_ID };
      case 'uri':
        return { movedTo: null, movedToUri: moved };
      case 'user':
        return { movedToUri: { id: MOVED_ID, username: 'alice', host: 'new.example' } };
    }
  }

  private revoke(fields: URLSearchParams): JsonAnswer {
    if (!this.revocable) return refusal(400, 'ACCESS_DENIED');
    this.host.oauth.tokens.delete(fields.get('token') ?? '');
    return { status: 204 };
  }

  /** What it answers on all other paths of APIs. Its server reads no forms. */
  elsewhere(contentType: string | undefined): JsonAnswer {
    const isForm = contentType?.startsWith('application/x-www-form-urlencoded') === true;
    return isForm ? { status: 415, body: { code: 'FST_ERR_CTP_INVALID_MEDIA_TYPE' } } : UNKNOWN;
  }
}
