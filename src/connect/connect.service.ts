import { Injectable } from '@nestjs/common';
import { InvalidField } from '../common/domain-error.js';
import { AppConfig } from '../config/app-config.js';
import { AccountChecker } from '../instances/account-checker.js';
import { InstanceApps, type RegisteredApp } from '../instances/instance-apps.js';
import { InstanceRefused } from '../instances/instances.errors.js';
import { InstancesService } from '../instances/instances.service.js';
import { OAuthClient } from '../instances/oauth-client.js';
import { OAuthFailed } from '../instances/oauth.errors.js';
import { TooManyPlatforms } from '../platforms/platforms.errors.js';
import { type Attempt, ConnectAttempts } from './connect-attempts.js';
import { ConnectFailed } from './connect.errors.js';
import { ConnectedAccounts } from './connected-accounts.js';
import type { BeginConnectDto } from './dto/connect.dto.js';

/** The result of a callback. `returnTo` is where to redirect the browser; null for a JSON response. */
export type ConnectResult =
  | {
      readonly kind: 'connected';
      readonly platformId: number;
      readonly renewed: boolean;
      readonly returnTo: string | null;
    }
  | { readonly kind: 'failed'; readonly error: ConnectFailed; readonly returnTo: string | null }
  | { readonly kind: 'retry'; readonly authorizationUrl: string };

/** Connects an account by OAuth: the authorisation code flow with PKCE (RFC 6749, RFC 7636, RFC 9700). */
@Injectable()
export class ConnectService {
  constructor(
    private readonly config: AppConfig,
    private readonly instances: InstancesService,
    private readonly apps: InstanceApps,
    private readonly oauth: OAuthClient,
    private readonly attempts: ConnectAttempts,
    private readonly checker: AccountChecker,
    private readonly accounts: ConnectedAccounts,
  ) {}

  get redirectUri(): string {
    return `${this.config.publicUrl}/v1/connect/callback`;
  }

  /**
   * @param browser the secret in the browser's cookie.
   * @returns the authorisation URL.
   * @throws {InvalidField | InstanceRefused | ConnectFailed}
   */
  async begin(
    userId: number,
    { instance, name, returnTo }: BeginConnectDto,
    browser: string,
  ): Promise<string> {
    if (returnTo !== undefined && !this.isAllowed(returnTo)) {
      throw new InvalidField([
        { pointer: '/returnTo', detail: 'returnTo must start with an allow-listed origin' },
      ]);
    }
    const origin = this.instances.originOf(instance);
    try {
      return await this.start(
        { userId, origin, name: name ?? null, returnTo: returnTo ?? null, renewed: false },
        browser,
      );
    } catch (error) {
      if (error instanceof OAuthFailed) throw new ConnectFailed(error.reason, error.message, '/instance');
      throw error;
    }
  }

  /**
   * @param query the query of the callback.
   * @throws {InvalidConnectState}
   */
  async finish(query: URLSearchParams, browser: string | undefined): Promise<ConnectResult> {
    const state = query.get('state') ?? undefined;
    const attempt = await this.attempts.take(state, browser);
    const { returnTo } = attempt;
    try {
      return { kind: 'connected', ...(await this.connect(attempt, query)), returnTo };
    } catch (error) {
      if (error instanceof OAuthFailed && error.reason === 'invalid_client' && browser !== undefined) {
        const authorizationUrl = await this.retry(attempt, browser);
        if (authorizationUrl !== null) return { kind: 'retry', authorizationUrl };
      }
      return { kind: 'failed', error: toConnectFailed(error), returnTo };
    }
  }

  private async connect(
    attempt: Attempt,
    query: URLSearchParams,
  ): Promise<{ platformId: number; renewed: boolean }> {
    const { userId, origin, clientId, verifier, name } = attempt;
    const app = await this.apps.find(origin, clientId);
    if (app === null) throw new OAuthFailed('invalid_client');
    const { platformType } = await this.instances.at(origin);
    if (platformType === null) throw notSupported();
    const server = await this.oauth.server(origin);
    const { redirectUri } = this;
    const expected = { state: query.get('state') ?? '', verifier, redirectUri };
    const grant = await this.oauth.exchange(server, app, query, expected);
    const target = { instanceUrl: origin, platformType, accessToken: grant.accessToken, username: null };
    const check = await this.checker.check(target);
    if (check.outcome !== 'connected' || check.account === null)
      throw new ConnectFailed(check.outcome, check.detail);
    const { account } = check;
    const connected = { userId, instanceUrl: origin, platformType, account, check, app, grant, name };
    const { id, renewed } = await this.accounts.save(connected);
    return { platformId: id, renewed };
  }

  /** Retries with a new registration. Null if this attempt was already the retry, or the retry fails. */
  private async retry(attempt: Attempt, browser: string): Promise<string | null> {
    await this.apps.forget(attempt.origin, attempt.clientId);
    if (attempt.renewed) return null;
    try {
      return await this.start({ ...attempt, renewed: true }, browser);
    } catch (error) {
      if (error instanceof OAuthFailed || error instanceof InstanceRefused) return null;
      throw error;
    }
  }

  private async start(attempt: Omit<Attempt, 'clientId' | 'verifier'>, browser: string): Promise<string> {
    const { origin } = attempt;
    const traits = this.instances.traits(await this.instances.at(origin));
    if (traits === null) throw notSupported();
    const server = await this.oauth.server(origin);
    const { redirectUri } = this;
    const scopes = traits.scopes.join(' ');
    const app = await this.app({ origin, redirectUri, scopes }, server);
    const verifier = this.oauth.newVerifier();
    const state = await this.attempts.begin({ ...attempt, clientId: app.clientId, verifier }, browser);
    return this.oauth.authorizationUrl(server, {
      clientId: app.clientId,
      redirectUri,
      scopes,
      state,
      verifier,
    });
  }

  private async app(
    registration: { origin: string; redirectUri: string; scopes: string },
    server: Awaited<ReturnType<OAuthClient['server']>>,
  ): Promise<RegisteredApp> {
    const app = await this.apps.get(registration);
    if (await this.oauth.accepts(server, app)) return app;
    await this.apps.forget(registration.origin, app.clientId);
    return this.apps.get(registration);
  }

  private isAllowed(returnTo: string): boolean {
    if (!URL.canParse(returnTo)) return false;
    const { origin, username, password } = new URL(returnTo);
    if (username !== '' || password !== '') return false;
    return origin === this.config.publicOrigin || this.config.corsOrigins.includes(origin);
  }
}

function notSupported(): ConnectFailed {
  return new ConnectFailed(
    'software_not_supported',
    "This instance's software is not supported.",
    '/instance',
  );
}

function toConnectFailed(error: unknown): ConnectFailed {
  if (error instanceof ConnectFailed) return error;
  if (error instanceof OAuthFailed) return new ConnectFailed(error.reason, error.message);
  if (error instanceof InstanceRefused || error instanceof TooManyPlatforms)
    return new ConnectFailed(error.code, error.message);
  throw error;
}
