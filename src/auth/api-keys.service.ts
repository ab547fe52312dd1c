import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { type EntityManager, IsNull, type Repository } from 'typeorm';
import { AuditLog } from '../audit/audit-log.js';
import { currentOrigin } from '../audit/audit-origin.js';
import { Clock } from '../common/clock.js';
import { InvalidField } from '../common/domain-error.js';
import { AppConfig } from '../config/app-config.js';
import { violatedUniqueConstraint } from '../database/database-errors.js';
import { Database } from '../database/database.js';
import type { Scope } from '../http/auth/auth-user.js';
import type { KeyPolicyFields } from '../http/auth/key-policy.js';
import { KeyedRequests } from '../idempotency/keyed-requests.js';
import { NoticesService } from '../notices/notices.service.js';
import { API_KEY_CHANGED, type ApiKeyChange, type CommittedChanges } from '../outbox/change.js';
import { Invalidation } from '../outbox/invalidation.js';
import { newApiKey, prefixOf } from './api-key-format.js';
import { columnsOf, policyOf } from './api-key-policy.js';
import { ApiKey } from './api-key.entity.js';
import { ApiKeyNotFound, RevocationUnconfirmed, TooManyApiKeys } from './auth.errors.js';
import type { ApiKeyDto, CreatedApiKeyDto } from './dto/api-key.dto.js';

const MAX_KEYS_PER_USER = 50;
const MAX_LIFETIME_DAYS = 3650;
const DAY_MS = 86_400_000;
/** Of 8 characters there are 2 * 10^14: a second collision in a row is not chance. */
const ATTEMPTS = 3;
// The first key of our two-key advisory locks: "APIK".
const USER_KEYS_LOCK = 0x4150494b;

interface ApiKeyRequest {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly expiresAt: Date | null;
  readonly policy: KeyPolicyFields;
}

/** What people do with their own keys. Checking a request's key is ApiKeyVerifier's. */
@Injectable()
export class ApiKeysService {
  constructor(
    @InjectRepository(ApiKey) private readonly repository: Repository<ApiKey>,
    private readonly database: Database,
    private readonly invalidation: Invalidation,
    private readonly audit: AuditLog,
    private readonly keyed: KeyedRequests,
    private readonly notices: NoticesService,
    private readonly clock: Clock,
    private readonly config: AppConfig,
  ) {}

  /** Those that are not revoked, expired ones included, oldest first. */
  async list(userId: number): Promise<ApiKeyDto[]> {
    const rows = await this.database.load(() =>
      this.repository.find({ where: { userId, revokedAt: IsNull() }, order: { id: 'ASC' } }),
    );
    return rows.map(toView);
  }

  /**
   * Only this answer ever holds the key.
   *
   * @throws {InvalidField | TooManyApiKeys}
   */
  async create(userId: number, request: ApiKeyRequest): Promise<CreatedApiKeyDto> {
    const expiresAt = this.expiryOf(request.expiresAt);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.insert(userId, { ...request, expiresAt });
      } catch (error) {
        if (violatedUniqueConstraint(error) !== 'api_keys_lookup_key' || attempt === ATTEMPTS) throw error;
      }
    }
  }

  /**
   * When this returns, no process admits the key any more.
   *
   * @throws {ApiKeyNotFound} the same for an absent key and another user's.
   * @throws {RevocationUnconfirmed} repeat it then.
   */
  async revoke(userId: number, id: number): Promise<void> {
    const committed = await this.database.transaction(async (manager): Promise<CommittedChanges> => {
      const [[row]] = await manager.query<[{ lookup: string; transactionId: string }[], number]>(
        `UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 AND user_id = $2
         RETURNING lookup, pg_current_xact_id()::text AS "transactionId"`,
        [id, userId],
      );
      if (row === undefined) throw new ApiKeyNotFound();
      const revoked = { userId, apiKeyLookup: row.lookup, type: API_KEY_CHANGED } as const;
      // A key that was revoked before is gone, but not while its entry may still be cached: then this repeats a request
      // that was not confirmed.
      if (!(await isPending(manager, revoked))) throw new ApiKeyNotFound();
      const detail = `API key ${id}`;
      await this.audit.writeIn(manager, { action: 'api_key.revoke', outcome: 'done', userId, detail });
      return { transactionId: row.transactionId, changes: [revoked] };
    });
    if ((await this.invalidation.afterCommit(committed)) === 'pending') throw new RevocationUnconfirmed();
  }

  private insert(
    userId: number,
    { name, scopes, expiresAt, policy }: ApiKeyRequest,
  ): Promise<CreatedApiKeyDto> {
    const { key, lookup, hash } = newApiKey();
    return this.database.transaction(async (manager) => {
      if (policy.platformIds !== undefined) await assertOwned(manager, userId, policy.platformIds);
      // Counting and inserting are two statements: without the lock, requests at once would exceed the limit.
      await manager.query('SELECT pg_advisory_xact_lock($1, $2)', [USER_KEYS_LOCK, userId]);
      const kept = await manager.countBy(ApiKey, { userId, revokedAt: IsNull() });
      if (kept >= MAX_KEYS_PER_USER) throw new TooManyApiKeys(MAX_KEYS_PER_USER);
      const { identifiers } = await manager.insert(ApiKey, {
        userId,
        name,
        scopes: [...scopes],
        lookup,
        keyHash: hash,
        expiresAt,
        ...columnsOf(policy),
      });
      const id = identifiers[0]?.['id'] as number;
      const view = toView(await manager.findOneByOrFail(ApiKey, { id }));
      const detail = `API key ${id}: ${scopes.join(' ')}`;
      const made = { key: name, address: currentOrigin().address, at: this.clock.now().toISOString() };
      await this.notices.addIn(manager, userId, 'apiKeyMade', [made]);
      await this.audit.writeIn(manager, { action: 'api_key.create', outcome: 'done', userId, detail });
      const created = { ...view, key };
      await this.keyed.keepIn(manager, created);
      return created;
    });
  }

  private expiryOf(asked: Date | null): Date | null {
    const { apiKeyMaxDays } = this.config;
    const now = this.clock.now();
    const days = apiKeyMaxDays ?? MAX_LIFETIME_DAYS;
    const latest = new Date(now.getTime() + days * DAY_MS);
    if (asked === null) return apiKeyMaxDays === null ? null : latest;
    if (!(asked > now && asked <= latest)) {
      const detail = `expiresAt must be in the future, at most ${days} days from now`;
      throw new InvalidField([{ pointer: '/expiresAt', detail }]);
    }
    return asked;
  }
}

function toView(row: ApiKey): ApiKeyDto {
  const { id, name, scopes, lookup, expiresAt, lastUsedAt, createdAt } = row;
  const policy = policyOf(row);
  return { id, name, scopes, prefix: prefixOf(lookup), policy, expiresAt, lastUsedAt, createdAt };
}

/** The same for an absent connection and another user's. @throws {InvalidField} */
async function assertOwned(manager: EntityManager, userId: number, ids: readonly number[]): Promise<void> {
  const owned = await manager.query<unknown[]>(
    'SELECT 1 FROM platform_connections WHERE user_id = $1 AND id = ANY($2::integer[])',
    [userId, ids],
  );
  if (owned.length === ids.length) return;
  const detail = 'platformIds must be ids of your own platform connections';
  throw new InvalidField([{ pointer: '/policy/platformIds', detail }]);
}

/**
 * Whether the outbox still has a change of this key, the one of this transaction included. A statement of its own, after
 * the one that locked the key: it sees what a revocation that held the lock before has committed.
 */
async function isPending(manager: EntityManager, { userId, apiKeyLookup }: ApiKeyChange): Promise<boolean> {
  const rows = await manager.query<unknown[]>(
    `SELECT 1 FROM platform_changes WHERE user_id = $1 AND api_key_lookup = $2 AND drained_at IS NULL LIMIT 1`,
    [userId, apiKeyLookup],
  );
  return rows.length > 0;
}
