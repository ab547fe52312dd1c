import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Clock } from '../common/clock.js';
import type { Credentials, SecretsOwner } from '../credentials/credential-cipher.js';
import { RefreshTokenCipher } from '../credentials/refresh-token-cipher.js';
import { Database } from '../database/database.js';
import type { InstanceAccount } from '../instances/account.js';
import type { AccountCheck } from '../instances/check-outcome.js';
import type { PlatformType } from '../instances/software.js';
import type { TokenGrant } from '../instances/token-reply.js';
import { findSameAccount } from '../platforms/checks/same-account.js';
import type { Labels } from '../platforms/labels.js';
import { PlatformWriter } from '../platforms/platform-writer.js';
import type { PlatformRow } from '../platforms/platform.repository.js';
import { DuplicateAccount, DuplicateName } from '../platforms/platforms.errors.js';

const MAX_NAME = 100;
const NAME_ATTEMPTS = 20;

export interface ConnectedAccount {
  readonly userId: number;
  readonly instanceUrl: string;
  readonly platformType: PlatformType;
  readonly account: InstanceAccount;
  readonly check: AccountCheck;
  /** Of the registration that the tokens belong to; null if they belong to none. */
  readonly clientId: string | null;
  /** Null if there is none, or it serves all users of the instance: then it is looked up by its client id. */
  readonly clientSecret: string | null;
  readonly grant: TokenGrant;
  /** The name that the user chose for a new connection. */
  readonly name: string | null;
  /** Of a new connection. */
  readonly labels: Labels;
}

export interface SavedAccount {
  readonly id: number;
  /** `exists`: the account was connected already, and its connection was left alone. */
  readonly result: 'created' | 'renewed' | 'exists';
}

/** Runs in the transaction that saves. */
export type BeforeCommit = (manager: EntityManager, saved: SavedAccount) => Promise<void>;

/** Stores the result of an attempt: creates a connection, or gives the existing one new tokens. */
@Injectable()
export class ConnectedAccounts {
  constructor(
    private readonly database: Database,
    private readonly writer: PlatformWriter,
    private readonly refreshTokens: RefreshTokenCipher,
    private readonly clock: Clock,
  ) {}

  /** @param mayReplace whether a connection that the account has already gets the new tokens. */
  async save(
    connected: ConnectedAccount,
    mayReplace: boolean,
    beforeCommit: BeforeCommit,
  ): Promise<SavedAccount> {
    const existing = await this.database.load((manager) => findSameAccount(manager, connected));
    if (existing !== null) return this.renew(existing, connected, mayReplace, beforeCommit);
    try {
      return { id: await this.create(connected, beforeCommit), result: 'created' };
    } catch (error) {
      if (!(error instanceof DuplicateAccount)) throw error;
      // Another attempt for the same account was faster, or the username now belongs to a different account id.
      const other = await this.database.load((manager) => findByUsername(manager, connected));
      if (other === null) throw error;
      return this.renew(other, connected, mayReplace, beforeCommit);
    }
  }

  private async renew(
    id: number,
    connected: ConnectedAccount,
    mayReplace: boolean,
    beforeCommit: BeforeCommit,
  ): Promise<SavedAccount> {
    if (!mayReplace) return { id, result: 'exists' };
    const { userId, platformType, instanceUrl, account } = connected;
    const dto = {
      ...{ platformType, instanceUrl, ...credentialsOf(connected), isActive: true },
      // A handle that may have changed. Elsewhere the username stays as the user wrote it.
      ...(platformType === 'bluesky' && { username: account.username }),
    };
    await this.writer.update(userId, id, dto, undefined, {
      columns: (owner) => this.columns(owner, connected),
      beforeCommit: (manager) => beforeCommit(manager, { id, result: 'renewed' }),
    });
    return { id, result: 'renewed' };
  }

  private async create(connected: ConnectedAccount, beforeCommit: BeforeCommit): Promise<number> {
    const { userId, platformType, instanceUrl, account } = connected;
    const { username } = account;
    const handle = platformType === 'bluesky' ? username : `${username}@${new URL(instanceUrl).host}`;
    const wanted = connected.name ?? handle;
    for (let attempt = 1; ; attempt += 1) {
      const dto = {
        name: numbered(wanted, attempt),
        platformType,
        instanceUrl,
        ...credentialsOf(connected),
        username,
        labels: connected.labels,
      };
      try {
        const row = await this.writer.create(userId, dto, {
          columns: (owner) => this.columns(owner, connected),
          beforeCommit: (manager, { id }) => beforeCommit(manager, { id, result: 'created' }),
        });
        return row.id;
      } catch (error) {
        // The user has already consented at the instance, so try another name instead of failing because of a taken one.
        if (!(error instanceof DuplicateName) || attempt === NAME_ATTEMPTS) throw error;
      }
    }
  }

  private columns(owner: SecretsOwner, { account, check, grant }: ConnectedAccount): Partial<PlatformRow> {
    const { refreshToken, expiresInSeconds } = grant;
    return {
      accountId: account.id,
      avatarUrl: account.avatarUrl,
      ...check.labels,
      refreshToken: refreshToken === null ? null : this.refreshTokens.encrypt(owner, refreshToken),
      tokenExpiresAt:
        expiresInSeconds === null ? null : new Date(this.clock.now().getTime() + expiresInSeconds * 1000),
      status: check.outcome,
      lastCheckedAt: check.checkedAt,
      lastError: check.outcome === 'connected' ? null : check.detail,
    };
  }
}

function credentialsOf({ grant: { accessToken }, clientId, clientSecret }: ConnectedAccount): Credentials {
  return { accessToken, clientKey: clientId, clientSecret };
}

/** Not at Bluesky: there a handle may go to another account while the first one lives on. */
async function findByUsername(manager: EntityManager, connected: ConnectedAccount): Promise<number | null> {
  const { userId, instanceUrl, account } = connected;
  const rows = await manager.query<{ id: number }[]>(
    `SELECT id FROM platform_connections
     WHERE user_id = $1 AND instance_url = $2 AND username = $3 AND (platform_type <> 'bluesky' OR account_id = $4)`,
    [userId, instanceUrl, account.username, account.id],
  );
  return rows[0]?.id ?? null;
}

function numbered(name: string, attempt: number): string {
  const suffix = attempt === 1 ? '' : ` (${attempt})`;
  return `${[...name].slice(0, MAX_NAME - suffix.length).join('')}${suffix}`;
}
