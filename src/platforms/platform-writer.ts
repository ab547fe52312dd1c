import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { InvalidField } from '../common/domain-error.js';
import { AppConfig } from '../config/app-config.js';
import {
  CredentialCipher,
  type Credentials,
  type CredentialsOwner,
} from '../credentials/credential-cipher.js';
import { violatedForeignKey, violatedUniqueConstraint } from '../database/database-errors.js';
import { Database } from '../database/database.js';
import { InvalidInstanceUrl, canonicalInstanceUrl } from '../instances/instance-url.js';
import { Invalidation } from '../outbox/invalidation.js';
import { AccountSnapshots } from '../snapshots/account-snapshots.js';
import type { CreatePlatformDto, UpdatePlatformDto } from './dto/write-platform.dto.js';
import { etagOf, inListOrder } from './platform-view.js';
import { PlatformConnection } from './platform.entity.js';
import { sealedOf } from './platform.repository.js';
import {
  DefaultRequired,
  DuplicateAccount,
  DuplicateName,
  OwnerGone,
  PlatformInactive,
  PlatformNotFound,
  TooManyPlatforms,
  VersionMismatch,
} from './platforms.errors.js';

// The first key of our two-key advisory locks, so that a user's lock is not mistaken for another kind's: "PLAT".
const USER_PLATFORMS_LOCK = 0x504c4154;

const MAX_PER_USER = 200;

const UNREADABLE = 'the stored credentials can no longer be opened';
const OF_ANOTHER_HOST = 'the stored credentials are not carried over to another instance';

/** Columns that the API does not take, such as what OAuth gave; some are bound to the row by its id. */
export type OwnedColumns = (owner: CredentialsOwner) => Partial<PlatformConnection>;

/** One user's connections while the user's lock is held: what it changed is dropped from the cache after COMMIT. */
interface Writing {
  readonly manager: EntityManager;
  readonly userId: number;
  readonly changed: Set<number>;
}

/**
 * All writes of connections. Those of one user run one after the other, so that the default is handed over without
 * gaps; that there is never more than one is guaranteed by the database.
 */
@Injectable()
export class PlatformWriter {
  constructor(
    private readonly database: Database,
    private readonly cipher: CredentialCipher,
    private readonly snapshots: AccountSnapshots,
    private readonly invalidation: Invalidation,
    private readonly config: AppConfig,
  ) {}

  /** @throws {DuplicateName | DuplicateAccount | TooManyPlatforms | InvalidField} */
  create(userId: number, dto: CreatePlatformDto, columns?: OwnedColumns): Promise<PlatformConnection> {
    const instanceUrl = this.canonicalUrl(dto.instanceUrl);
    return this.write(userId, async (writing) => {
      const { manager } = writing;
      if ((await manager.countBy(PlatformConnection, { userId })) >= MAX_PER_USER)
        throw new TooManyPlatforms(MAX_PER_USER);
      const others = await manager.findBy(PlatformConnection, { userId, isActive: true });
      const id = await nextId(manager);
      const { accessToken, clientKey = null, clientSecret = null } = dto;
      const sealed = this.cipher.encrypt(
        { userId, id, instanceUrl },
        { accessToken, clientKey, clientSecret },
      );
      const isDefault = dto.isDefault === true || others.length === 0;
      if (isDefault) await this.clearDefault(writing, others);
      await manager.insert(PlatformConnection, {
        id,
        userId,
        name: dto.name,
        platformType: dto.platformType,
        instanceUrl,
        username: dto.username ?? null,
        ...sealed,
        ...columns?.({ userId, id, instanceUrl }),
        isDefault,
      });
      return this.written(writing, id);
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
    columns?: OwnedColumns,
  ): Promise<PlatformConnection> {
    const instanceUrl = dto.instanceUrl === undefined ? undefined : this.canonicalUrl(dto.instanceUrl);
    return this.write(userId, async (writing) => {
      const { manager } = writing;
      const row = await this.owned(writing, id);
      if (ifMatch !== undefined && !matches(ifMatch, etagOf(row))) throw new VersionMismatch();

      const active = dto.isActive ?? row.isActive;
      const others = (await manager.findBy(PlatformConnection, { userId, isActive: true })).filter(
        (other) => other.id !== id,
      );
      if (dto.isDefault === true && !active) throw new PlatformInactive();
      if (dto.isDefault === false && row.isDefault && active) throw new DefaultRequired();
      const isDefault = active && (row.isDefault || dto.isDefault === true || others.length === 0);

      if (isDefault && !row.isDefault) await this.clearDefault(writing, others);
      await manager.update(PlatformConnection, id, {
        ...pick(dto, ['name', 'platformType', 'username']),
        ...this.resealed(row, dto, instanceUrl ?? row.instanceUrl),
        ...columns?.({ userId, id, instanceUrl: instanceUrl ?? row.instanceUrl }),
        isActive: active,
        isDefault,
      });
      if (row.isDefault && !isDefault) await this.promoteFirst(writing, others);
      // An account's id is unique on its host only: on another one the same id is somebody else.
      if (instanceUrl !== undefined && instanceUrl !== row.instanceUrl)
        await this.snapshots.removeAll(manager, id);
      return this.written(writing, id);
    });
  }

  /** @throws {PlatformNotFound} */
  async remove(userId: number, id: number): Promise<void> {
    await this.write(userId, async (writing) => {
      const row = await this.owned(writing, id);
      await writing.manager.delete(PlatformConnection, id);
      writing.changed.add(id);
      if (row.isDefault) {
        await this.promoteFirst(
          writing,
          await writing.manager.findBy(PlatformConnection, { userId, isActive: true }),
        );
      }
    });
  }

  /** @throws {PlatformNotFound | PlatformInactive} */
  makeDefault(userId: number, id: number): Promise<PlatformConnection> {
    return this.write(userId, async (writing) => {
      const row = await this.owned(writing, id);
      if (!row.isActive) throw new PlatformInactive();
      if (row.isDefault) return row;
      await this.clearDefault(
        writing,
        await writing.manager.findBy(PlatformConnection, { userId, isDefault: true }),
      );
      await writing.manager.update(PlatformConnection, id, { isDefault: true });
      return this.written(writing, id);
    });
  }

  /**
   * For what is done in the background: under the user's lock, so that neither overwrites the other.
   *
   * @param change the new columns; null when the row is no longer as it was and is to be left alone.
   * @returns whether something was written.
   */
  amend(
    userId: number,
    id: number,
    change: (row: PlatformConnection) => Partial<PlatformConnection> | null,
  ): Promise<boolean> {
    return this.write(userId, async ({ manager, changed }) => {
      const row = await manager.findOneBy(PlatformConnection, { id, userId });
      const columns = row === null ? null : change(row);
      if (columns === null) return false;
      await manager.update(PlatformConnection, id, columns);
      changed.add(id);
      return true;
    });
  }

  private async write<T>(userId: number, work: (writing: Writing) => Promise<T>): Promise<T> {
    const changed = new Set<number>();
    try {
      return await this.database.transaction(async (manager) => {
        await manager.query('SELECT pg_advisory_xact_lock($1, $2)', [USER_PLATFORMS_LOCK, userId]);
        // This may be a write repeated after its process died before it dropped the keys. Now it changes nothing, or is
        // refused ("gone", "taken"), and that answer too is believed.
        for (const id of await pendingPlatforms(manager, userId)) changed.add(id);
        return work({ manager, userId, changed });
      });
    } catch (error) {
      throw translateConflict(error);
    } finally {
      await this.invalidation.afterCommit([...changed].map((platformId) => ({ userId, platformId })));
    }
  }

  private async owned({ manager, userId }: Writing, id: number): Promise<PlatformConnection> {
    // Locked, for what a test finds is stored without the user's lock: the version that is compared is the one replaced.
    const row = await manager.findOne(PlatformConnection, {
      where: { id, userId },
      lock: { mode: 'for_no_key_update' },
    });
    if (row === null) throw new PlatformNotFound();
    return row;
  }

  /** Read again: triggers have set the version and the time. */
  private async written(writing: Writing, id: number): Promise<PlatformConnection> {
    writing.changed.add(id);
    return writing.manager.findOneByOrFail(PlatformConnection, { id });
  }

  /** Before another one becomes the default: the unique index allows no moment with two. */
  private async clearDefault(writing: Writing, candidates: readonly PlatformConnection[]): Promise<void> {
    for (const { id } of candidates.filter((candidate) => candidate.isDefault)) {
      await writing.manager.update(PlatformConnection, id, { isDefault: false });
      writing.changed.add(id);
    }
  }

  private async promoteFirst(writing: Writing, remaining: readonly PlatformConnection[]): Promise<void> {
    const [first] = inListOrder(remaining);
    if (first === undefined) return;
    await writing.manager.update(PlatformConnection, first.id, { isDefault: true });
    writing.changed.add(first.id);
  }

  /**
   * The seal covers the instance, so a new host needs new seals too. What a test found before no longer counts. Nothing
   * is carried over to another host: whoever may write, but not reveal, could have it sent to a host of their own.
   */
  private resealed(
    row: PlatformConnection,
    dto: UpdatePlatformDto,
    instanceUrl: string,
  ): Partial<PlatformConnection> {
    const secrets = pick(dto, ['accessToken', 'clientKey', 'clientSecret']);
    const moves = instanceUrl !== row.instanceUrl;
    if (Object.keys(secrets).length === 0 && !moves) return {};
    const kept = moves ? null : this.cipher.decrypt(row, sealedOf(row));
    const credentials = merged(kept, secrets, moves ? OF_ANOTHER_HOST : UNREADABLE);
    return {
      instanceUrl,
      ...this.cipher.encrypt({ ...row, instanceUrl }, credentials),
      status: 'unchecked',
      lastCheckedAt: null,
      lastError: null,
      tokenExpiresAt: null,
      refreshToken: null,
      accountId: null,
      avatarUrl: null,
    };
  }

  private canonicalUrl(input: string): string {
    try {
      return canonicalInstanceUrl(input, (host) => this.config.instanceHostAllowlist.has(host));
    } catch (error) {
      if (!(error instanceof InvalidInstanceUrl)) throw error;
      throw new InvalidField([{ pointer: '/instanceUrl', detail: error.detail }]);
    }
  }
}

/** Connections of the user with committed changes whose keys nobody is known to have dropped. */
async function pendingPlatforms(manager: EntityManager, userId: number): Promise<number[]> {
  const rows = await manager.query<{ id: number }[]>(
    `SELECT DISTINCT platform_id AS id FROM platform_changes
     WHERE user_id = $1 AND drained_at IS NULL AND platform_id IS NOT NULL`,
    [userId],
  );
  return rows.map(({ id }) => id);
}

/** The seal holds the id, so it is needed before the row is there. */
async function nextId(manager: EntityManager): Promise<number> {
  const [{ id }] = await manager.query<[{ id: number }]>(
    `SELECT nextval(pg_get_serial_sequence('platform_connections', 'id'))::integer AS id`,
  );
  return id;
}

function merged(kept: Credentials | null, secrets: Partial<Credentials>, whyNotKept: string): Credentials {
  if (kept !== null) return { ...kept, ...secrets };
  if (secrets.accessToken === undefined)
    throw new InvalidField([{ pointer: '/accessToken', detail: `accessToken is required: ${whyNotKept}` }]);
  return { clientKey: null, clientSecret: null, ...secrets, accessToken: secrets.accessToken };
}

/** The keys of `dto` that were given; null is a value. */
function pick<T extends object, K extends keyof T>(
  dto: T,
  keys: readonly K[],
): { [P in K]?: Exclude<T[P], undefined> } {
  return Object.fromEntries(keys.filter((key) => dto[key] !== undefined).map((key) => [key, dto[key]])) as {
    [P in K]?: Exclude<T[P], undefined>;
  };
}

function translateConflict(error: unknown): unknown {
  if (violatedForeignKey(error) === 'platform_connections_user_id_fkey') return new OwnerGone();
  switch (violatedUniqueConstraint(error)) {
    case 'platform_connections_name_key':
      return new DuplicateName();
    case 'platform_connections_account_key':
      return new DuplicateAccount();
    default:
      return error;
  }
}

/** `If-Match` compares strongly: RFC 9110, 13.1.1. */
function matches(header: string, etag: string): boolean {
  return header.trim() === '*' || header.split(',').some((candidate) => candidate.trim() === etag);
}
