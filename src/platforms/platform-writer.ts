import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditLog, type AuditRecord } from '../audit/audit-log.js';
import { InvalidField } from '../common/domain-error.js';
import { AppConfig } from '../config/app-config.js';
import { CredentialCipher, type Credentials, type SecretsOwner } from '../credentials/credential-cipher.js';
import { Database } from '../database/database.js';
import { Invalidation } from '../outbox/invalidation.js';
import { AccountSnapshots } from '../snapshots/account-snapshots.js';
import { canonicalUrl } from './canonical-url.js';
import type { CreatePlatformDto, UpdatePlatformDto } from './dto/write-platform.dto.js';
import { PlatformTransaction, type WriteTarget, translateConflict } from './platform-transaction.js';
import { etagOf } from './platform-view.js';
import type { PlatformConnection } from './platform.entity.js';
import { sealedOf } from './platform.repository.js';
import { DefaultRequired, PlatformInactive, TooManyPlatforms, VersionMismatch } from './platforms.errors.js';

export const MAX_PER_USER = 200;
/** PostgreSQL gives no transaction this id. */
const NO_TRANSACTION = '0';

const UNREADABLE = 'the stored credentials can no longer be opened';
const BY_CONSENT = 'a connection of Bluesky gets it from POST /v1/connect only';
const OF_ANOTHER_HOST = 'the stored credentials are not carried over to another instance';

/** Columns that only OAuth and checks set. Some are encrypted for the row's id and host. */
export type OwnedColumns = (owner: SecretsOwner) => Partial<PlatformConnection>;

interface WriteOptions {
  readonly columns?: OwnedColumns;
  /** Is given the row as it will be. If it throws, nothing is written. */
  readonly beforeCommit?: (manager: EntityManager, row: PlatformConnection) => Promise<void>;
}

/** All writes of connections. The database, not this code, guarantees that a user never has two defaults. */
@Injectable()
export class PlatformWriter {
  constructor(
    private readonly database: Database,
    private readonly cipher: CredentialCipher,
    private readonly snapshots: AccountSnapshots,
    private readonly invalidation: Invalidation,
    private readonly audit: AuditLog,
    private readonly config: AppConfig,
  ) {}

  /** @throws {DuplicateName | DuplicateAccount | TooManyPlatforms | InvalidField} */
  create(userId: number, dto: CreatePlatformDto, options: WriteOptions = {}): Promise<PlatformConnection> {
    const instanceUrl = canonicalUrl(this.config, dto.instanceUrl);
    return this.write({ userId, platformId: null }, async (transaction) => {
      if (transaction.count >= MAX_PER_USER) throw new TooManyPlatforms(MAX_PER_USER);
      const others = transaction.active();
      const id = transaction.nextId;
      const { accessToken, clientKey = null, clientSecret = null, username = null, externalId = null } = dto;
      const sealed = this.cipher.encrypt(
        { userId, id, instanceUrl, username },
        { accessToken, clientKey, clientSecret },
      );
      const isDefault = dto.isDefault === true || others.length === 0;
      if (isDefault) await transaction.clearDefault(others);
      const row = await transaction.insert({
        id,
        name: dto.name,
        platformType: dto.platformType,
        instanceUrl,
        username,
        labels: dto.labels ?? {},
        externalId,
        ...sealed,
        ...options.columns?.({ userId, id, instanceUrl }),
        isDefault,
      });
      transaction.record = { action: 'platform.create', outcome: 'done', platformId: id };
      await options.beforeCommit?.(transaction.manager, row);
      return row;
    });
  }

  /**
   * @param ifMatch the `If-Match` header, if there was one.
   * @throws {PlatformNotFound | VersionMismatch | DuplicateName | DuplicateAccount | PlatformInactive | DefaultRequired |
   * InvalidField}
   */
  update(
    userId: number,
    id: number,
    dto: UpdatePlatformDto,
    ifMatch?: string,
    options: WriteOptions = {},
  ): Promise<PlatformConnection> {
    const instanceUrl =
      dto.instanceUrl === undefined ? undefined : canonicalUrl(this.config, dto.instanceUrl);
    return this.write({ userId, platformId: id }, async (transaction) => {
      const row = transaction.owned(id);
      if (ifMatch !== undefined && !matches(ifMatch, etagOf(row))) throw new VersionMismatch();
      if (row.platformType === 'bluesky' && options.columns === undefined) assertNoCredentials(dto);

      const active = dto.isActive ?? row.isActive;
      const others = transaction.active().filter((other) => other.id !== id);
      if (dto.isDefault === true && !active) throw new PlatformInactive();
      if (dto.isDefault === false && row.isDefault && active) throw new DefaultRequired();
      const isDefault = active && (row.isDefault || dto.isDefault === true || others.length === 0);

      if (isDefault && !row.isDefault) await transaction.clearDefault(others);
      const resealed = this.resealed(row, dto, instanceUrl ?? row.instanceUrl);
      if (resealed.accessToken !== undefined)
        transaction.record = { action: 'credentials.change', outcome: 'done', platformId: id };
      const updated = await transaction.update(id, {
        ...pick(dto, ['name', 'platformType', 'username', 'externalId']),
        ...(dto.labels !== undefined && { labels: dto.labels ?? {} }),
        ...resealed,
        ...options.columns?.({ userId, id, instanceUrl: instanceUrl ?? row.instanceUrl }),
        isActive: active,
        isDefault,
      });
      if (row.isDefault && !isDefault) await transaction.promoteFirst(others);
      // An account id is unique on its host only: on another host the same id is another account.
      if (instanceUrl !== undefined && instanceUrl !== row.instanceUrl)
        await this.snapshots.removeAll(transaction.manager, id);
      await options.beforeCommit?.(transaction.manager, updated);
      return updated;
    });
  }

  /** @throws {PlatformNotFound} */
  async remove(userId: number, id: number): Promise<void> {
    await this.write({ userId, platformId: id }, async (transaction) => {
      const row = transaction.owned(id);
      await transaction.delete(id);
      transaction.record = { action: 'platform.delete', outcome: 'done', platformId: id };
      if (row.isDefault) await transaction.promoteFirst(transaction.active());
    });
  }

  /** @throws {PlatformNotFound | PlatformInactive} */
  makeDefault(userId: number, id: number): Promise<PlatformConnection> {
    return this.write({ userId, platformId: id }, async (transaction) => {
      const row = transaction.owned(id);
      if (!row.isActive) throw new PlatformInactive();
      if (row.isDefault) return row;
      await transaction.clearDefault(transaction.active());
      return transaction.update(id, { isDefault: true });
    });
  }

  /**
   * For background work: under the user's lock, so that neither side overwrites the other.
   *
   * @param change returns the new columns; null when the row has changed and must be left alone.
   * @param record what the audit trail says if something is written.
   * @returns whether something was written.
   */
  amend(
    userId: number,
    id: number,
    change: (row: PlatformConnection) => Partial<PlatformConnection> | null,
    record: Pick<AuditRecord, 'action' | 'outcome'>,
  ): Promise<boolean> {
    return this.write({ userId, platformId: id }, async (transaction) => {
      const row = transaction.find(id);
      const columns = row === null ? null : change(row);
      if (columns === null) return false;
      await transaction.update(id, columns);
      transaction.record = { actor: 'system', ...record, userId, platformId: id };
      return true;
    });
  }

  private async write<T>(
    target: WriteTarget,
    work: (transaction: PlatformTransaction) => Promise<T>,
  ): Promise<T> {
    const changed = new Set<number>();
    let transactionId = NO_TRANSACTION;
    try {
      return await this.database.transaction(async (manager) => {
        const transaction = await PlatformTransaction.begin(manager, target, changed);
        transactionId = transaction.id;
        const result = await work(transaction);
        if (transaction.record !== null) await this.audit.writeIn(manager, transaction.record);
        return result;
      });
    } catch (error) {
      throw translateConflict(error);
    } finally {
      const changes = [...changed].map((platformId) => ({ userId: target.userId, platformId }));
      await this.invalidation.afterCommit({ transactionId, changes });
    }
  }

  /**
   * The seal covers instance and username. With a new host or new secrets the last check no longer counts. No stored
   * credential is carried over to another host: somebody who may write but not reveal could have it sent to a host of their own.
   */
  private resealed(
    row: PlatformConnection,
    dto: UpdatePlatformDto,
    instanceUrl: string,
  ): Partial<PlatformConnection> {
    const secrets = pick(dto, ['accessToken', 'clientKey', 'clientSecret']);
    const moves = instanceUrl !== row.instanceUrl;
    const username = dto.username === undefined ? row.username : dto.username;
    if (Object.keys(secrets).length === 0 && !moves)
      return username === row.username ? {} : { seal: this.cipher.reseal(row, sealedOf(row), username) };
    const kept = moves ? null : this.cipher.decrypt(row, sealedOf(row));
    const credentials = merged(kept, secrets, moves ? OF_ANOTHER_HOST : UNREADABLE);
    return {
      instanceUrl,
      ...this.cipher.encrypt({ ...row, instanceUrl, username }, credentials),
      status: 'unchecked',
      lastCheckedAt: null,
      lastError: null,
      tokenExpiresAt: null,
      refreshToken: null,
      accountId: null,
      avatarUrl: null,
      ...(moves && { software: null, softwareVersion: null }),
    };
  }
}

/** The tokens, the key and the server of a Bluesky account belong together. */
function assertNoCredentials(dto: UpdatePlatformDto): void {
  const given = (['platformType', 'instanceUrl', 'accessToken', 'clientKey', 'clientSecret'] as const).filter(
    (field) => dto[field] !== undefined,
  );
  if (given.length > 0)
    throw new InvalidField(
      given.map((field) => ({ pointer: `/${field}`, detail: `${field}: ${BY_CONSENT}` })),
    );
}

function merged(kept: Credentials | null, secrets: Partial<Credentials>, whyNotKept: string): Credentials {
  if (kept !== null) return { ...kept, ...secrets };
  if (secrets.accessToken === undefined)
    throw new InvalidField([{ pointer: '/accessToken', detail: `accessToken is required: ${whyNotKept}` }]);
  return { clientKey: null, clientSecret: null, ...secrets, accessToken: secrets.accessToken };
}

/** The fields of `dto` that were given; null is a value. */
function pick<T extends object, K extends keyof T>(
  dto: T,
  keys: readonly K[],
): { [P in K]?: Exclude<T[P], undefined> } {
  return Object.fromEntries(keys.filter((key) => dto[key] !== undefined).map((key) => [key, dto[key]])) as {
    [P in K]?: Exclude<T[P], undefined>;
  };
}

/** `If-Match` compares strongly: RFC 9110, 13.1.1. */
function matches(header: string, etag: string): boolean {
  return header.trim() === '*' || header.split(',').some((candidate) => candidate.trim() === etag);
}
