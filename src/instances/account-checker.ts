import { Injectable } from '@nestjs/common';
import { Clock } from '../common/clock.js';
import { type InstanceAccount, accountSchema, isSameAccount } from './account.js';
import { type AccountCheck, type CheckOutcome, DETAILS } from './check-outcome.js';
import { OutgoingRequestError } from './guarded-http.errors.js';
import { GuardedHttp, type InstanceResponse } from './guarded-http.js';
import { InstanceRefused } from './instances.errors.js';
import { InstancesService } from './instances.service.js';
import { jsonBody } from './json-body.js';
import { rateLimitOf } from './rate-limit.js';
import { outcomeOfRefusal } from './refusal-rules.js';
import type { PlatformType } from './software.js';

export interface AccountToCheck {
  readonly instanceUrl: string;
  readonly platformType: PlatformType;
  readonly accessToken: string;
  /** What the user typed, to compare with the account's own name. */
  readonly username: string | null;
}

/** Asks an instance which account a token belongs to. Every failure is an outcome, never an error. */
@Injectable()
export class AccountChecker {
  constructor(
    private readonly http: GuardedHttp,
    private readonly instances: InstancesService,
    private readonly clock: Clock,
  ) {}

  async check(target: AccountToCheck): Promise<AccountCheck> {
    let response: InstanceResponse;
    try {
      response = await this.http.request(`${target.instanceUrl}/api/v1/accounts/verify_credentials`, {
        headers: { Authorization: `Bearer ${target.accessToken}` },
      });
    } catch (error) {
      if (!(error instanceof OutgoingRequestError)) throw error;
      return this.found(error.reason, null, error.message);
    }
    const account = response.status === 200 ? jsonBody(response, accountSchema) : null;
    if (account === null) return this.found(await this.outcomeOf(target, response), response);
    // The account's fields are shown and stored in plain text, so none of them may contain the token.
    if (repeats(account, target.accessToken)) return this.found('instance_error', response);
    const { username, instanceUrl } = target;
    const mismatch = username !== null && !isSameAccount(username, account, instanceUrl);
    return { ...this.found(mismatch ? 'identity_mismatch' : 'connected', response), account };
  }

  /** The result for a connection whose credentials cannot be decrypted. */
  needsReconnect(): AccountCheck {
    return this.found('needs_reconnect', null);
  }

  private async outcomeOf({ platformType, instanceUrl }: AccountToCheck, response: InstanceResponse) {
    const outcome = outcomeOfRefusal(platformType, response);
    if (outcome !== null) return outcome;
    // Nodeinfo tells a failing instance from a server that is not an instance.
    try {
      await this.instances.at(instanceUrl);
      return 'instance_error';
    } catch (error) {
      if (error instanceof InstanceRefused)
        return error.code === 'not_an_instance' ? error.code : 'instance_error';
      throw error;
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
      rateLimit: response === null ? null : rateLimitOf(response.headers, checkedAt),
      checkedAt,
      detail,
    };
  }
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
