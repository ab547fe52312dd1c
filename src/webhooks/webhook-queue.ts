import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Database } from '../database/database.js';
import type { WebhookMessage } from './webhook-events.js';
import type { Attempt } from './webhook-request.js';
import type { SealedSecrets } from './webhook-secrets.js';

/** Added to the time-out of a request. After that another process takes the stream over. */
const LEASE_MARGIN_MS = 20_000;
/** How often the owner's list learns that a webhook works. */
const NOTED_SECONDS = 60;

/** `failing`: nothing was accepted for 24 hours. `gone`: the receiver answered 410. `secret`: its secret cannot be decrypted. */
export const PAUSE_REASONS = ['owner', 'failing', 'gone', 'secret'] as const;
export type PauseReason = (typeof PAUSE_REASONS)[number];

/** A stream that this process may work on, with its first delivery. */
export interface ClaimedStream extends SealedSecrets {
  readonly webhookId: number;
  /** Null: of the installation. */
  readonly userId: number | null;
  readonly platformId: number;
  readonly claim: string;
  /** Failed attempts of the first delivery. */
  readonly attempts: number;
  /** Since the first of them; 0 if there was none. */
  readonly failingSeconds: number;
  readonly url: string;
  /** Whether the previous secret signs as well. */
  readonly overlaps: boolean;
  readonly isPaused: boolean;
  /** Whether anything was delivered since the first delivery began to fail. */
  readonly isAlive: boolean;
  /** Null if nothing waits. */
  readonly delivery: { readonly id: string; readonly messageId: string; readonly payload: string } | null;
}

type ClaimRow = Omit<ClaimedStream, 'delivery'> & {
  readonly deliveryId: string | null;
  readonly messageId: string;
  readonly payload: string;
};

// The account of somebody who is disabled or leaving keeps its webhooks, but nothing is sent.
const CLAIM_SQL = `
  WITH next AS (
    SELECT webhook_id, platform_id FROM webhook_streams
    WHERE due_at <= now()
      AND webhook_id <> ALL($1::integer[] || ARRAY(SELECT id FROM webhooks WHERE user_id = ANY($2::integer[])))
    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
  ), claimed AS (
    UPDATE webhook_streams s SET due_at = now() + $3::float8 * interval '1 millisecond', claim = s.claim + 1
    FROM next WHERE s.webhook_id = next.webhook_id AND s.platform_id = next.platform_id RETURNING s.*
  )
  SELECT w.id AS "webhookId", w.user_id AS "userId", s.platform_id AS "platformId", s.claim::text AS claim, s.attempts,
    coalesce(extract(epoch FROM now() - s.failing_since), 0)::float8 AS "failingSeconds",
    w.url, w.secrets, w.key_id AS "keyId", coalesce(w.previous_until > now(), false) AS overlaps,
    w.paused_at IS NOT NULL OR u.disabled_at IS NOT NULL AS "isPaused",
    coalesce(w.last_delivered_at > s.failing_since, false) AS "isAlive",
    d.id::text AS "deliveryId", d.message_id AS "messageId", d.payload
  FROM claimed s JOIN webhooks w ON w.id = s.webhook_id LEFT JOIN users u ON u.id = w.user_id
  LEFT JOIN LATERAL (
    SELECT id, message_id, payload FROM webhook_deliveries d
    WHERE d.webhook_id = s.webhook_id AND d.platform_id = s.platform_id AND d.status = 'pending' ORDER BY d.id LIMIT 1
  ) AS d ON true`;

const PENDING = `EXISTS (
  SELECT 1 FROM webhook_deliveries d WHERE d.webhook_id = s.webhook_id AND d.platform_id = s.platform_id
    AND d.status = 'pending')`;

/**
 * Deliveries in PostgreSQL. The deliveries of one connection to one webhook are a stream; a process claims a stream, so
 * they arrive in order. A claim moves the time ahead at which the stream is due: a lease, which expires by itself.
 * A change of a webhook and its streams locks the webhook first.
 */
@Injectable()
export class WebhookQueue {
  constructor(private readonly database: Database) {}

  /** Adds messages in the caller's transaction, in their order. One that waits already is not added again. */
  async addIn(
    manager: EntityManager,
    messages: readonly (WebhookMessage & { readonly webhookId: number })[],
  ): Promise<void> {
    if (messages.length === 0) return;
    await manager.query(
      `INSERT INTO webhook_deliveries (webhook_id, platform_id, event_id, message_id, type, payload)
       SELECT "webhookId", "platformId", "eventId", "messageId", type, payload
       FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS ("webhookId" integer, "platformId" integer, "eventId" bigint,
         "messageId" text, type text, payload text)) WITH ORDINALITY ORDER BY ordinality
       ON CONFLICT (webhook_id, message_id) WHERE status = 'pending' DO NOTHING`,
      [JSON.stringify(messages)],
    );
    const streams = new Map(
      messages.map(({ webhookId, platformId }) => [`${webhookId} ${platformId}`, [webhookId, platformId]]),
    );
    // In one order, or two transactions could wait for each other.
    await manager.query(
      `INSERT INTO webhook_streams AS s (webhook_id, platform_id, due_at)
       SELECT w.id, platform_id, CASE WHEN paused_at IS NULL THEN now() ELSE 'infinity' END
       FROM unnest($1::integer[], $2::integer[]) AS given (webhook_id, platform_id) JOIN webhooks w ON w.id = webhook_id
       ORDER BY w.id, platform_id FOR SHARE OF w
       ON CONFLICT (webhook_id, platform_id) DO UPDATE SET due_at = coalesce(s.due_at, excluded.due_at)`,
      [
        [...streams.values()].map(([webhookId]) => webhookId),
        [...streams.values()].map(([, platformId]) => platformId),
      ],
    );
  }

  /**
   * The stream that has been due for longest. Null if none is.
   *
   * @param busy webhooks that are not asked for.
   * @param busyUsers whose webhooks are not asked for.
   */
  async claim(
    busy: readonly number[],
    busyUsers: readonly number[],
    timeoutMs: number,
  ): Promise<ClaimedStream | null> {
    const parameters = [busy, busyUsers, timeoutMs + LEASE_MARGIN_MS];
    const [row] = await this.database.statement<ClaimRow>(CLAIM_SQL, parameters);
    if (row === undefined) return null;
    const { deliveryId, messageId, payload, ...stream } = row;
    return { ...stream, delivery: deliveryId === null ? null : { id: deliveryId, messageId, payload } };
  }

  /** The next delivery of the stream is due now, if there is one. @param status what became of this one. */
  async finish(stream: ClaimedStream, attempt: Attempt, status: 'delivered' | 'failed'): Promise<void> {
    await this.database.transaction(async (manager) => {
      if (status === 'delivered') {
        await manager.query(
          `UPDATE webhooks SET last_delivered_at = now() WHERE id = $1
           AND (last_delivered_at IS NULL OR last_delivered_at < now() - interval '${NOTED_SECONDS} seconds')`,
          [stream.webhookId],
        );
      }
      const owned = await this.lock(manager, stream);
      await this.note(manager, stream, attempt, status);
      if (owned) await this.goOn(manager, stream);
    });
  }

  /** Tries again later. */
  async postpone(stream: ClaimedStream, attempt: Attempt, waitSeconds: number): Promise<void> {
    await this.database.transaction(async (manager) => {
      const owned = await this.lock(manager, stream);
      await this.note(manager, stream, attempt, 'pending');
      if (!owned) return;
      await manager.query(
        `UPDATE webhook_streams SET attempts = attempts + 1, failing_since = coalesce(failing_since, now()),
           due_at = CASE WHEN due_at = 'infinity' THEN due_at ELSE now() + make_interval(secs => $3) END
         WHERE webhook_id = $1 AND platform_id = $2`,
        [stream.webhookId, stream.platformId, waitSeconds],
      );
    });
  }

  /** Sends nothing more until the webhook is resumed. What waits stays. */
  async pauseIn(manager: EntityManager, webhookId: number, because: PauseReason): Promise<boolean> {
    const [, paused] = await manager.query<[unknown[], number]>(
      'UPDATE webhooks SET paused_at = now(), paused_because = $2 WHERE id = $1 AND paused_at IS NULL',
      [webhookId, because],
    );
    await manager.query(
      `UPDATE webhook_streams SET due_at = 'infinity' WHERE webhook_id = $1 AND due_at IS NOT NULL`,
      [webhookId],
    );
    return paused === 1;
  }

  /** Begins again with what waits, each with another 24 hours. */
  async resumeIn(manager: EntityManager, webhookId: number): Promise<void> {
    await manager.query('UPDATE webhooks SET paused_at = NULL, paused_because = NULL WHERE id = $1', [
      webhookId,
    ]);
    await manager.query(
      `UPDATE webhook_streams SET due_at = now(), attempts = 0, failing_since = NULL
       WHERE webhook_id = $1 AND due_at IS NOT NULL`,
      [webhookId],
    );
  }

  /** Gives a claim back, as if it had not been taken. */
  async release(stream: ClaimedStream): Promise<void> {
    await this.database.statement(
      `UPDATE webhook_streams SET due_at = least(due_at, now()) WHERE webhook_id = $1 AND platform_id = $2 AND claim = $3`,
      [stream.webhookId, stream.platformId, stream.claim],
    );
  }

  /** Nothing waits, or its webhook is paused. */
  async settle(stream: ClaimedStream): Promise<void> {
    await this.database.transaction(async (manager) => {
      if (!(await this.lock(manager, stream))) return;
      if (stream.isPaused) {
        await manager.query(
          `UPDATE webhook_streams SET due_at = now() + interval '1 hour' WHERE webhook_id = $1 AND platform_id = $2`,
          [stream.webhookId, stream.platformId],
        );
      } else await this.goOn(manager, stream);
    });
  }

  /** @returns whether this process still has the claim. A statement of its own: what follows sees what others committed. */
  private async lock(
    manager: EntityManager,
    { webhookId, platformId, claim }: ClaimedStream,
  ): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      'SELECT 1 FROM webhook_streams WHERE webhook_id = $1 AND platform_id = $2 AND claim = $3 FOR UPDATE',
      [webhookId, platformId, claim],
    );
    return rows.length > 0;
  }

  private async note(
    manager: EntityManager,
    { delivery }: ClaimedStream,
    attempt: Attempt,
    status: 'pending' | 'delivered' | 'failed',
  ): Promise<void> {
    await manager.query(
      `UPDATE webhook_deliveries SET status = $2, attempts = attempts + 1, last_attempt_at = now(),
         response_status = $3, response_body = $4, error = $5
       WHERE id = $1 AND status = 'pending'`,
      [delivery?.id, status, attempt.status, attempt.body, attempt.error],
    );
  }

  private async goOn(manager: EntityManager, { webhookId, platformId }: ClaimedStream): Promise<void> {
    await manager.query(
      `UPDATE webhook_streams s SET attempts = 0, failing_since = NULL,
         due_at = CASE WHEN NOT ${PENDING} THEN NULL WHEN due_at = 'infinity' THEN due_at ELSE now() END
       WHERE webhook_id = $1 AND platform_id = $2`,
      [webhookId, platformId],
    );
  }
}
