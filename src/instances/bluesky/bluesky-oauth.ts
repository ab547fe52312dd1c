import { createHash, randomBytes } from 'node:crypto';
import type {
  NodeOAuthClient,
  NodeOAuthClientOptions,
  NodeSavedSession,
  NodeSavedState,
} from '@atproto/oauth-client-node';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { AppConfig } from '../../config/app-config.js';
import { GuardedHttp, type InstanceResponse } from '../guarded-http.js';
import { OAuthFailed } from '../oauth.errors.js';
import type { TokenGrant } from '../token-reply.js';
import { AccountElsewhere, toOAuthFailed } from './bluesky-errors.js';
import { type BlueskySession, type PendingSession, toGrant, toSaved } from './bluesky-session.js';
import { type ClientDocument, clientDocument } from './client-document.js';
import { ClientKey } from './client-key.js';
import { DpopNonces } from './dpop-nonces.js';
import { guardedFetch } from './guarded-fetch.js';
import { type Did, HandleNames } from './handle-names.js';
import { MemoryStore } from './memory-store.js';
import { BLUESKY_CALLBACK } from './redirect-path.js';

const MINUTE_MS = 60_000;
/** So that a state is as long as one of ours. The library asks for 16. */
const STATE_BYTES = 32;
/** Resolves identities and servers where no client document can be published. */
const RESOLVING_ONLY: ClientDocument = {
  client_id: 'http://localhost',
  redirect_uris: ['http://127.0.0.1/'],
  scope: 'atproto',
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  application_type: 'native',
  token_endpoint_auth_method: 'none',
  dpop_bound_access_tokens: true,
};

export interface BegunConsent {
  readonly url: string;
  readonly state: string;
  readonly pending: PendingSession;
}

/** Where an account is, by its identity document. */
export interface BlueskyPlace {
  readonly did: Did;
  /** Null if the handle in the document does not lead back to it. */
  readonly handle: string | null;
  readonly pds: string;
  readonly issuer: string;
}

/** The stores of one client. Sessions are kept with their connections, so a client holds one at most, for one call. */
class CallStores {
  state: { readonly key: string; readonly value: NodeSavedState } | null = null;
  session: NodeSavedSession | null = null;
}

/**
 * OAuth of the AT Protocol by its own library: PAR, PKCE and DPoP. Each call has a client of its own, because the library
 * keeps sessions by account, and two people may have connected the same one. What the clients know of servers is shared.
 */
@Injectable()
export class BlueskyOAuth {
  readonly document: ClientDocument | null;
  readonly #options: Omit<
    NodeOAuthClientOptions,
    'clientMetadata' | 'stateStore' | 'sessionStore' | 'keyset'
  >;

  constructor(
    http: GuardedHttp,
    private readonly keys: ClientKey,
    handles: HandleNames,
    nonces: DpopNonces,
    private readonly clock: Clock,
    config: AppConfig,
  ) {
    this.document = clientDocument(config.publicUrl, BLUESKY_CALLBACK);
    this.#options = {
      fetch: guardedFetch(http),
      // The guard decides which hosts may be asked over http.
      allowHttp: true,
      handleResolver: handles,
      plcDirectoryUrl: config.bluesky.plcUrl,
      dpopNonceCache: nonces,
      authorizationServerMetadataCache: new MemoryStore(MINUTE_MS),
      protectedResourceMetadataCache: new MemoryStore(MINUTE_MS),
    };
  }

  /** Null if this installation cannot be a client. */
  get clientId(): string | null {
    return this.document?.client_id ?? null;
  }

  /** @throws an error of the library. */
  async locate(identifier: string): Promise<BlueskyPlace> {
    const { oauthResolver } = await this.resolver();
    const { identityInfo, metadata, pds } = await oauthResolver.resolveFromIdentity(identifier);
    const { did, handle } = identityInfo;
    return {
      did,
      handle: handle === 'handle.invalid' ? null : handle,
      pds: pds.href,
      issuer: metadata.issuer,
    };
  }

  /**
   * The issuer of a server of the AT Protocol, which may be the issuer itself or a PDS.
   *
   * @throws an error of the library.
   */
  async issuerAt(origin: string): Promise<string> {
    const { oauthResolver } = await this.resolver();
    const { metadata } = await oauthResolver.resolveFromService(origin);
    if (metadata.scopes_supported?.includes('atproto') !== true) throw new OAuthFailed('instance_error');
    return metadata.issuer;
  }

  /**
   * @param account the DID of the account, or a server that lets the user choose one.
   * @throws {OAuthFailed}
   */
  async begin(account: string, did: Did | null, choose: boolean): Promise<BegunConsent> {
    const stores = new CallStores();
    try {
      const client = await this.client(stores);
      const url = await client.authorize(account, { ...(choose && { prompt: 'select_account' as const }) });
      if (stores.state === null) throw new OAuthFailed('instance_error');
      const { key, value } = stores.state;
      return { url: url.href, state: key, pending: { ...value, did } };
    } catch (error) {
      throw toOAuthFailed(error);
    }
  }

  /** @throws {OAuthFailed} */
  async exchange(pending: PendingSession, code: string, iss: string | null): Promise<TokenGrant> {
    const stores = new CallStores();
    const { did, ...state } = pending;
    stores.state = { key: 'state', value: state };
    try {
      const client = await this.client(stores);
      const query = new URLSearchParams({ state: 'state', code, ...(iss !== null && { iss }) });
      const { session } = await client.callback(query);
      // The person signed in to another account than the one they named.
      if (did !== null && session.did !== did) {
        await client.revoke(session.did);
        throw new OAuthFailed('identity_mismatch');
      }
      return this.granted(stores);
    } catch (error) {
      throw toOAuthFailed(error);
    }
  }

  /** @throws {OAuthFailed} */
  async refresh(session: BlueskySession): Promise<TokenGrant> {
    const stores = new CallStores();
    stores.session = toSaved(session, session.issuer);
    try {
      await (await this.client(stores)).restore(session.binding.did, true);
      return this.granted(stores);
    } catch (error) {
      throw toOAuthFailed(error);
    }
  }

  /**
   * Ends the session: servers of the AT Protocol end its refresh token with it.
   *
   * @throws {OAuthFailed}
   */
  async revoke(session: BlueskySession): Promise<void> {
    const stores = new CallStores();
    stores.session = toSaved(session, session.issuer);
    try {
      await (await this.client(stores)).revoke(session.binding.did);
    } catch (error) {
      throw toOAuthFailed(error);
    }
  }

  /**
   * Sends a request to the account's server, with proofs by its key.
   *
   * @param place where the account is now.
   * @param path with its query.
   * @throws {AccountElsewhere} if the account's server is not one that the token is for.
   * @throws an error of the library, or of a request of ours.
   */
  async request(session: BlueskySession, place: BlueskyPlace, path: string): Promise<InstanceResponse> {
    if (place.issuer !== session.issuer) throw new AccountElsewhere(place.issuer);
    const stores = new CallStores();
    // Without a refresh token, which the library would spend when it is refused: refreshing is done under our lease.
    stores.session = toSaved({ ...session, refreshToken: null }, place.pds);
    const restored = await (await this.client(stores)).restore(session.binding.did, false);
    const started = performance.now();
    const response = await restored.fetchHandler(path, { headers: { Accept: 'application/json' } });
    const isJson = /^application\/json\b/i.test(response.headers.get('content-type') ?? '');
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      jsonText: isJson ? await response.text() : null,
      latencyMs: Math.round(performance.now() - started),
    };
  }

  private granted({ session }: CallStores): TokenGrant {
    if (session === null) throw new OAuthFailed('instance_error');
    return toGrant(session, this.clock.now());
  }

  private async client(stores: CallStores): Promise<NodeOAuthClient> {
    if (this.document === null) throw new OAuthFailed('registration_refused');
    return this.build(this.document, stores);
  }

  private resolver(): Promise<NodeOAuthClient> {
    return this.build(RESOLVING_ONLY, new CallStores());
  }

  private async build(document: ClientDocument, stores: CallStores): Promise<NodeOAuthClient> {
    // Loaded when it is needed: few installations connect such accounts.
    const { JoseKey, NodeOAuthClient: Client } = await import('@atproto/oauth-client-node');
    const isPublished = document.token_endpoint_auth_method === 'private_key_jwt';
    return new Client({
      ...this.#options,
      clientMetadata: document,
      ...(isPublished && { keyset: [await this.keys.get()] }),
      runtimeImplementation: {
        createKey: (algorithms) => JoseKey.generate(algorithms),
        getRandomValues: (length) => randomBytes(Math.max(length, STATE_BYTES)),
        digest: (bytes, { name }) => createHash(name).update(bytes).digest(),
        // A client serves one call. The lease on the connection is taken before.
        requestLock: (_name, work) => work(),
      },
      stateStore: {
        get: () => stores.state?.value,
        set: (key, value) => void (stores.state = { key, value }),
        del: () => undefined,
      },
      sessionStore: {
        get: () => stores.session ?? undefined,
        set: (_did, session) => void (stores.session = session),
        del: () => void (stores.session = null),
      },
    });
  }
}
