import { Injectable } from '@nestjs/common';
import { AuditLog } from '../audit/audit-log.js';
import { AppConfig } from '../config/app-config.js';
import { KeyedRequests } from '../idempotency/keyed-requests.js';
import { AccountChecker } from '../instances/account-checker.js';
import { BlueskyOAuth } from '../instances/bluesky/bluesky-oauth.js';
import { isRightAccount } from '../instances/check-outcome.js';
import { InstanceRefused } from '../instances/instances.errors.js';
import { type FoundInstance, InstancesService } from '../instances/instances.service.js';
import { OAuthFailed, type OAuthFailure } from '../instances/oauth.errors.js';
import type { PlatformType } from '../instances/software.js';
import type { TokenGrant } from '../instances/token-reply.js';
import type { Labels } from '../platforms/labels.js';
import { TooManyPlatforms } from '../platforms/platforms.errors.js';
import { BlueskyConsent } from './bluesky-consent.js';
import type { Callback } from './callback.js';
import { type AnsweredAttempt, ConnectAttempts, type WantedAttempt } from './connect-attempts.js';
import { ConnectFailed } from './connect.errors.js';
import { type BeforeCommit, ConnectedAccounts } from './connected-accounts.js';
import {
  type BeginConnectDto,
  type FinishConnectDto,
  type Finished,
  toConnectedDto,
} from './dto/connect.dto.js';
import { MiAuthConsent } from './miauth-consent.js';
import { OAuthConsent } from './oauth-consent.js';
import { assertMayReturnTo } from './return-address.js';

/** Where to send the browser after a callback, unless it wants JSON: with the attempt to finish, or with the reason. */
export type ConnectAnswer =
  | { readonly kind: 'answered'; readonly attempt: string; readonly returnTo: string }
  | { readonly kind: 'failed'; readonly error: ConnectFailed; readonly returnTo: string };

/** How an attempt ends, beside the account itself. */
interface Completion {
  /** Whether a connection that the account has already gets the new tokens; if not, the attempt waits for another call. */
  readonly mayReplace: boolean;
  /** Of a new connection, beside those that the attempt began with. */
  readonly labels?: Labels;
  /** Added to what the audit trail says. */
  readonly note?: string;
  readonly beforeCommit?: BeforeCommit;
  /** The answer to the request, should it be repeated. */
  readonly replyOf: (finished: Finished) => unknown;
}

const AUDITED = { created: 'connected', renewed: 'renewed', exists: 'confirmation_required' } as const;

/** Connects an account with the consent of its owner: by OAuth, at Bluesky with its own rules, or at Misskey by MiAuth. */
@Injectable()
export class ConnectService {
  constructor(
    private readonly config: AppConfig,
    private readonly instances: InstancesService,
    private readonly oauth: OAuthConsent,
    private readonly miAuth: MiAuthConsent,
    private readonly blueskyConsent: BlueskyConsent,
    private readonly bluesky: BlueskyOAuth,
    private readonly attempts: ConnectAttempts,
    private readonly checker: AccountChecker,
    private readonly accounts: ConnectedAccounts,
    private readonly audit: AuditLog,
    private readonly keyed: KeyedRequests,
  ) {}

  /**
   * @param browser the secret in the browser's cookie.
   * @returns the authorisation URL.
   * @throws {InvalidField | InstanceRefused | ConnectFailed}
   */
  async begin(
    userId: number,
    { instance, name, returnTo, forceLogin = false, labels = {} }: BeginConnectDto,
    browser: string,
  ): Promise<string> {
    assertMayReturnTo(returnTo, this.config);
    const wanted = {
      userId,
      linkId: null,
      name: name ?? null,
      returnTo: returnTo ?? null,
      forceLogin,
      labels,
    };
    return this.beginAt(instance, wanted, browser);
  }

  /**
   * @param instance what the user typed.
   * @throws {InvalidField | InstanceRefused | ConnectFailed}
   */
  async beginAt(instance: string, wanted: Omit<WantedAttempt, 'origin'>, browser: string): Promise<string> {
    const found = await this.instances.find(instance);
    try {
      return await this.start(found, { ...wanted, origin: found.instance.origin }, browser);
    } catch (error) {
      if (error instanceof OAuthFailed) throw new ConnectFailed(error.reason, error.message, '/instance');
      throw error;
    }
  }

  /**
   * Takes what an instance reports, without asking the instance anything.
   *
   * @throws {InvalidConnectState}
   */
  async receive(callback: Callback): Promise<ConnectAnswer> {
    const { attempt, returnTo: wanted } = await this.attempts.receive(callback);
    const returnTo = wanted ?? `${this.config.publicUrl}/console/`;
    if (attempt !== null) return { kind: 'answered', attempt, returnTo };
    const { reason, message } = new OAuthFailed(reasonOf(callback.error));
    return { kind: 'failed', error: new ConnectFailed(reason, message), returnTo };
  }

  /**
   * @param browsers the attempts' cookies that the request has.
   * @param replace whether a connection that the account has already gets the new tokens; if not, the attempt waits for
   *   another call. By default only if the user did not mean to choose the account.
   * @throws {AttemptNotFound | ConnectFailed}
   */
  async finish(
    userId: number,
    { attempt, replace }: FinishConnectDto,
    browsers: readonly string[],
  ): Promise<Finished> {
    const answered = await this.attempts.take(attempt, userId, browsers);
    return this.complete(answered, {
      mayReplace: replace ?? !answered.forceLogin,
      replyOf: toConnectedDto,
    });
  }

  /** @throws {ConnectFailed} */
  async complete(answered: AnsweredAttempt, completion: Completion): Promise<Finished> {
    const detail = answered.origin + (completion.note ?? '');
    try {
      const finished = await this.connect(answered, completion);
      await this.record(AUDITED[finished.result], detail, finished.id);
      return finished;
    } catch (error) {
      const failure = toConnectFailed(error);
      await this.record(failure.code, detail);
      throw failure;
    }
  }

  private record(outcome: string, detail: string, platformId?: number): Promise<void> {
    const record = { action: 'connect.finish', outcome, detail } as const;
    return this.audit.write(platformId === undefined ? record : { ...record, platformId });
  }

  private async connect(
    answered: AnsweredAttempt,
    { mayReplace, labels = {}, beforeCommit, replyOf }: Completion,
  ): Promise<Finished> {
    const { userId, origin, clientId, name } = answered;
    const platformType = await this.typeOf(answered);
    const grant = answered.grant ?? (await this.grantOf(answered));
    const { accessToken, binding } = grant;
    const clientSecret = binding ?? answered.clientSecret;
    const target = { instanceUrl: origin, platformType, accessToken, clientSecret, username: null };
    const check = await this.checker.check(target);
    if (!isRightAccount(check.outcome) || check.account === null)
      throw new ConnectFailed(check.outcome, check.detail);
    const { account } = check;
    const connected = {
      ...{ userId, instanceUrl: origin, platformType, account, check },
      ...{ clientId, clientSecret, grant, name, labels: { ...answered.labels, ...labels } },
    };
    const saved = await this.accounts.save(connected, mayReplace, async (manager, written) => {
      await beforeCommit?.(manager, written);
      await this.keyed.keepIn(manager, replyOf({ ...written, account }));
    });
    if (saved.result === 'exists') await this.attempts.hold(answered, grant);
    return { ...saved, account };
  }

  private async typeOf({ origin, clientId }: AnsweredAttempt): Promise<PlatformType> {
    if (clientId === null) return 'misskey';
    if (this.isBluesky(clientId)) return 'bluesky';
    const { platformType } = await this.instances.at(origin);
    if (platformType === null) throw notSupported();
    return platformType;
  }

  private isBluesky(clientId: string): boolean {
    return clientId === this.bluesky.clientId;
  }

  private async start(
    { instance, did }: FoundInstance,
    attempt: WantedAttempt,
    browser: string,
  ): Promise<string> {
    const traits = this.instances.traits(instance);
    if (traits === null) throw notSupported();
    if (instance.platformType === 'bluesky') return this.blueskyConsent.begin(attempt, did, browser);
    const consent = instance.platformType === 'misskey' ? this.miAuth : this.oauth;
    return consent.begin(traits, attempt, browser);
  }

  private grantOf(answered: AnsweredAttempt): Promise<TokenGrant> {
    const { clientId } = answered;
    if (clientId === null) return this.miAuth.grant(answered);
    return this.isBluesky(clientId)
      ? this.blueskyConsent.grant(answered)
      : this.oauth.grant(answered, clientId);
  }
}

function notSupported(): ConnectFailed {
  return new ConnectFailed(
    'software_not_supported',
    "This instance's software speaks neither the Mastodon API nor Misskey's nor Bluesky's, and connections need one of them.",
    '/instance',
  );
}

function reasonOf(error: string | null): OAuthFailure {
  if (error === null) return 'instance_error';
  return error === 'access_denied' ? error : 'oauth_refused';
}

function toConnectFailed(error: unknown): ConnectFailed {
  if (error instanceof ConnectFailed) return error;
  if (error instanceof OAuthFailed) return new ConnectFailed(error.reason, error.message);
  if (error instanceof InstanceRefused || error instanceof TooManyPlatforms)
    return new ConnectFailed(error.code, error.message);
  throw error;
}
