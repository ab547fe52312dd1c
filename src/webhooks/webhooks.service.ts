import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { AuditAction } from '../audit/audit-actions.js';
import { AuditLog } from '../audit/audit-log.js';
import { Database } from '../database/database.js';
import { KeyedRequests } from '../idempotency/keyed-requests.js';
import type { CreatedWebhookDto, WebhookDto, WebhookSecretDto } from './dto/webhook.dto.js';
import type { WebhookEvent } from './webhook-events.js';
import { type PauseReason, WebhookQueue } from './webhook-queue.js';
import { WebhookSecrets, newSecret } from './webhook-secrets.js';
import { WebhookUrl } from './webhook-url.js';
import { TooManyWebhooks, WebhookNotFound } from './webhooks.errors.js';

/** Of a user, and of the installation. */
export const MAX_WEBHOOKS = 20;
/** For how long the previous secret signs too. */
const OVERLAP = '24 hours';
// The first key of our two-key advisory locks: "WEBH".
const WEBHOOKS_LOCK = 0x57454248;

/** Whose webhooks: a user's own, or those of the installation, which every administrator manages. */
export interface WebhookOwner {
  /** Null for the installation. */
  readonly userId: number | null;
  /** Who asks. */
  readonly actorId: number;
}

export interface WebhookFields {
  readonly url: string;
  readonly events: readonly WebhookEvent[];
  readonly labels: Readonly<Record<string, string>>;
}

interface Row extends Omit<WebhookDto, 'isActive'> {
  readonly pausedBecause: PauseReason | null;
}

const COLUMNS = `id, url, events, labels, paused_at AS "pausedAt", paused_because AS "pausedBecause",
  CASE WHEN previous_until > now() THEN previous_until END AS "previousSecretUntil",
  last_delivered_at AS "lastDeliveredAt", created_at AS "createdAt",
  (SELECT min(failing_since) FROM webhook_streams WHERE webhook_id = webhooks.id) AS "failingSince"`;
/** `=` finds no null. */
const OWNED = 'user_id IS NOT DISTINCT FROM $1';

/** What people do with their webhooks, and administrators with those of the installation. */
@Injectable()
export class WebhooksService {
  constructor(
    private readonly database: Database,
    private readonly secrets: WebhookSecrets,
    private readonly urls: WebhookUrl,
    private readonly queue: WebhookQueue,
    private readonly audit: AuditLog,
    private readonly keyed: KeyedRequests,
  ) {}

  async list({ userId }: WebhookOwner): Promise<WebhookDto[]> {
    const rows = await this.database.statement<Row>(
      `SELECT ${COLUMNS} FROM webhooks WHERE ${OWNED} ORDER BY id`,
      [userId],
    );
    return rows.map(toView);
  }

  /** @throws {WebhookNotFound} the same for an absent one and somebody else's. */
  async get({ userId }: WebhookOwner, id: number): Promise<WebhookDto> {
    return this.database.load((manager) => this.read(manager, userId, id));
  }

  /** Only this answer and that of `rotate` hold the secret. @throws {InvalidField | TooManyWebhooks} */
  async create(owner: WebhookOwner, fields: WebhookFields): Promise<CreatedWebhookDto> {
    const { userId, actorId } = owner;
    const url = await this.urls.accept(fields.url);
    const secret = newSecret();
    return this.database.transaction(async (manager) => {
      // Counting and inserting are two statements: without the lock, requests at once would exceed the limit.
      await manager.query('SELECT pg_advisory_xact_lock($1, $2)', [WEBHOOKS_LOCK, userId ?? 0]);
      const kept = await manager.query<unknown[]>(`SELECT 1 FROM webhooks WHERE ${OWNED}`, [userId]);
      if (kept.length >= MAX_WEBHOOKS) throw new TooManyWebhooks(MAX_WEBHOOKS);
      const [next] = await manager.query<[{ id: number }]>(
        `SELECT nextval(pg_get_serial_sequence('webhooks', 'id'))::integer AS id`,
      );
      const { secrets, keyId } = this.secrets.seal(next.id, { current: secret, previous: null });
      await manager.query(
        `INSERT INTO webhooks (id, user_id, created_by, url, events, labels, secrets, key_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
        [next.id, userId, actorId, url, fields.events, JSON.stringify(fields.labels), secrets, keyId],
      );
      await this.record(manager, owner, 'webhook.create', next.id, url);
      const created = { ...(await this.read(manager, userId, next.id)), secret };
      await this.keyed.keepIn(manager, created);
      return created;
    });
  }

  /** @throws {InvalidField | WebhookNotFound} */
  async update(
    owner: WebhookOwner,
    id: number,
    { url, events, labels, isActive }: Partial<WebhookFields> & { readonly isActive?: boolean },
  ): Promise<WebhookDto> {
    const accepted = url === undefined ? null : await this.urls.accept(url);
    return this.database.transaction(async (manager) => {
      const { userId } = owner;
      const [, found] = await manager.query<[unknown[], number]>(
        `UPDATE webhooks SET url = coalesce($3, url), events = coalesce($4, events), labels = coalesce($5, labels)
         WHERE id = $2 AND ${OWNED}`,
        [userId, id, accepted, events ?? null, labels === undefined ? null : JSON.stringify(labels)],
      );
      if (found === 0) throw new WebhookNotFound();
      if (isActive === false) await this.queue.pauseIn(manager, id, 'owner');
      if (isActive === true) await this.queue.resumeIn(manager, id);
      const webhook = await this.read(manager, userId, id);
      await this.record(manager, owner, 'webhook.change', id, webhook.url);
      return webhook;
    });
  }

  /** With its deliveries. @throws {WebhookNotFound} */
  async delete(owner: WebhookOwner, id: number): Promise<void> {
    await this.database.transaction(async (manager) => {
      const [[row]] = await manager.query<[{ url: string }[], number]>(
        `DELETE FROM webhooks WHERE id = $2 AND ${OWNED} RETURNING url`,
        [owner.userId, id],
      );
      if (row === undefined) throw new WebhookNotFound();
      await this.record(manager, owner, 'webhook.delete', id, row.url);
    });
  }

  /** The previous secret signs as well for a day. @throws {WebhookNotFound} */
  async rotate(owner: WebhookOwner, id: number): Promise<WebhookSecretDto> {
    const secret = newSecret();
    return this.database.transaction(async (manager) => {
      const [row] = await manager.query<{ id: number; url: string; secrets: string; keyId: string }[]>(
        `SELECT id, url, secrets, key_id AS "keyId" FROM webhooks WHERE id = $2 AND ${OWNED} FOR UPDATE`,
        [owner.userId, id],
      );
      if (row === undefined) throw new WebhookNotFound();
      const previous = this.secrets.open(row)?.current ?? null;
      const { secrets, keyId } = this.secrets.seal(id, { current: secret, previous });
      const [[until]] = await manager.query<[{ previousSecretUntil: Date | null }[], number]>(
        `UPDATE webhooks SET secrets = $2, key_id = $3,
           previous_until = CASE WHEN $4 THEN now() + interval '${OVERLAP}' END
         WHERE id = $1 RETURNING previous_until AS "previousSecretUntil"`,
        [id, secrets, keyId, previous !== null],
      );
      await this.record(manager, owner, 'webhook.secret', id, row.url);
      const rotated = { secret, previousSecretUntil: until?.previousSecretUntil ?? null };
      await this.keyed.keepIn(manager, rotated);
      return rotated;
    });
  }

  private async read(manager: EntityManager, userId: number | null, id: number): Promise<WebhookDto> {
    const [row] = await manager.query<Row[]>(`SELECT ${COLUMNS} FROM webhooks WHERE id = $2 AND ${OWNED}`, [
      userId,
      id,
    ]);
    if (row === undefined) throw new WebhookNotFound();
    return toView(row);
  }

  private async record(
    manager: EntityManager,
    { userId, actorId }: WebhookOwner,
    action: AuditAction,
    id: number,
    url: string,
  ): Promise<void> {
    // The path may hold a token of the receiver.
    const detail = `webhook ${id}${userId === null ? ' of all users' : ''}: ${new URL(url).origin}`;
    await this.audit.writeIn(manager, { action, outcome: 'done', userId: actorId, detail });
  }
}

function toView({ id, url, events, labels, ...row }: Row): WebhookDto {
  const { pausedAt, pausedBecause, failingSince, previousSecretUntil, lastDeliveredAt, createdAt } = row;
  return {
    ...{ id, url, events, labels, isActive: pausedAt === null, pausedAt, pausedBecause },
    ...{ failingSince, previousSecretUntil, lastDeliveredAt, createdAt },
  };
}
