import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { accountApiOf } from './account-api.js';
import { type InstanceAccount, matchName } from './account.js';
import { BlueskyChecker } from './bluesky/bluesky-checker.js';
import { type AccountCheck, type CheckOutcome, DETAILS } from './check-outcome.js';
import { OutgoingRequestError } from './guarded-http.errors.js';
import { GuardedHttp, type InstanceResponse } from './guarded-http.js';
import { InstanceRefused } from './instances.errors.js';
import { InstancesService } from './instances.service.js';
import { rateLimitOf } from './rate-limit.js';
import { addressHint, redirectTarget } from './redirects.js';
import { outcomeAtInstance, outcomeOfRefusal } from './refusal-rules.js';
import type { PlatformType } from './software.js';

export interface AccountToCheck {
  readonly instanceUrl: string;
  readonly platformType: PlatformType;
  readonly accessToken: string;
  /** At Bluesky, what the token needs beside itself. */
  readonly clientSecret: string | null;
  /** What the user typed, to compare with the account's own name. */
  readonly username: string | null;
}

/** Asks an instance which account a token belongs to. Every failure is an outcome, never an error. */
@Injectable()
export class AccountChecker {
  constructor(
    private readonly http: GuardedHttp,
    private readonly instances: InstancesService,
    private readonly bluesky: BlueskyChecker,
    private readonly clock: Clock,
  ) {}

  async check(target: AccountToCheck): Promise<AccountCheck> {
    return target.platformType === 'bluesky' ? this.checkBluesky(target) : this.checkInstance(target);
  }

  /** The result for a connection whose credentials cannot be decrypted. */
  needsReconnect(): AccountCheck {
    return this.found('needs_reconnect', null);
  }

  /** The result if what is needed before the account can be asked for has failed. */
  failed(outcome: CheckOutcome): AccountCheck {
    return this.found(outcome, null);
  }

  /** The result for an instance whose name no longer exists. */
  instanceGone(): AccountCheck {
    return this.found('instance_gone', null);
  }

  /** Here an account is its DID, which the token names. Its handle may change at any time, so it is not compared. */
  private async checkBluesky(target: AccountToCheck): Promise<AccountCheck> {
    const { outcome, detail, response, account } = await this.bluesky.check(target);
    if (account !== null && repeats(account, target.accessToken))
      return this.found('instance_error', response);
    const labels = account === null ? null : { software: 'bluesky', softwareVersion: null };
    return { ...this.found(outcome, response, detail), account, labels };
  }

  private async checkInstance(target: AccountToCheck): Promise<AccountCheck> {
    const { username, instanceUrl, accessToken } = target;
    const api = accountApiOf(target.platformType);
    let response: InstanceResponse;
    try {
      response = await this.http.request(`${instanceUrl}${api.path}`, api.request(accessToken));
    } catch (error) {
      if (!(error instanceof OutgoingRequestError)) throw error;
      return this.found(error.reason, null, error.message);
    }
    const account = response.status === 200 ? await api.read(this.http, instanceUrl, response) : null;
    if (account === null) return this.refused(target, response);
    // The account's fields are shown and stored in plain text, so none of them may contain the token.
    if (repeats(account, accessToken)) return this.found('instance_error', response);
    const labels = await this.instances.softwareAt(instanceUrl);
    if (username !== null && !(await this.isSame(username, account, instanceUrl)))
      return { ...this.found('identity_mismatch', response), account, labels };
    if (account.movedTo === null) return { ...this.found('connected', response), account, labels };
    const detail = `The account has moved to ${account.movedTo}. Connect the new one.`;
    return { ...this.found('account_moved', response, detail), account, labels };
  }

  private async isSame(typed: string, account: InstanceAccount, instanceUrl: string): Promise<boolean> {
    const match = matchName(typed, account, instanceUrl);
    return match === 'elsewhere' ? this.instances.leadsTo(typed, account.uri, instanceUrl) : match === 'same';
  }

  private async refused(
    { platformType, instanceUrl }: AccountToCheck,
    response: InstanceResponse,
  ): Promise<AccountCheck> {
    const moved = movedInstance(instanceUrl, accountApiOf(platformType).path, response);
    if (moved !== null) return this.found('instance_moved', response, moved);
    const outcome = outcomeOfRefusal(platformType, response);
    if (outcome !== null) return this.found(outcome, response);
    // Nodeinfo tells a failing instance from a server that is not an instance.
    try {
      await this.instances.at(instanceUrl);
      return this.found(outcomeAtInstance(response), response);
    } catch (error) {
      if (!(error instanceof InstanceRefused)) throw error;
      switch (error.code) {
        case 'not_an_instance':
        case 'instance_moved':
        case 'instance_blocks_programs':
          return this.found(error.code, response, error.message);
        default:
          return this.found('instance_error', response);
      }
    }
  }

  private found(
    outcome: CheckOutcome,
    response: InstanceResponse | null,
    detail: string = DETAILS[outcome],
  ): AccountCheck {
    const checkedAt = this.clock.now();
    return {
      outcome,
      latencyMs: response?.latencyMs ?? null,
      account: null,
      labels: null,
      rateLimit: response === null ? null : rateLimitOf(response, checkedAt),
      checkedAt,
      detail,
    };
  }
}

/** Only a redirect that keeps the path says that the API is elsewhere; others lead to a login page. */
function movedInstance(instanceUrl: string, path: string, response: InstanceResponse): string | null {
  const target = redirectTarget(response, new URL(path, instanceUrl));
  const hint = target?.pathname === path ? addressHint(instanceUrl, target) : '';
  return hint === '' ? null : `${DETAILS.instance_moved}${hint}`;
}

function repeats(account: InstanceAccount, accessToken: string): boolean {
  const token = plain(accessToken);
  return Object.values(account).some((value) => typeof value === 'string' && plain(value).includes(token));
}

/** Undoes a URL parser's percent-encoding, and ignores case because the parser lower-cases the host. */
function plain(text: string): string {
  return text
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    .toLowerCase();
}
