import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { type EntityManager, IsNull, MoreThan, type Repository } from 'typeorm';
import { AuditLog } from '../audit/audit-log.js';
import { Clock } from '../common/clock.js';
import { Database } from '../database/database.js';
import type { AuthUser } from '../http/auth/auth-user.js';
import { type CommittedChanges, isSessionChange } from '../outbox/change.js';
import { Invalidation, type InvalidationOutcome } from '../outbox/invalidation.js';
import type { OpenSessionDto } from './dto/open-session.dto.js';
import { type Seen, isSameDevice } from './same-device.js';
import { SessionVerifier } from './session-verifier.js';
import { MAX_SESSIONS, SessionWriter } from './session-writer.js';
import { Session } from './session.entity.js';
import { SessionEndUnconfirmed, SessionNotFound } from './sessions.errors.js';

/** Of one user, that are compared. */
const MOST_DEVICES = 500;

/** What people do with their own sessions. */
@Injectable()
export class SessionsService {
  constructor(
    @InjectRepository(Session) private readonly repository: Repository<Session>,
    private readonly database: Database,
    private readonly writer: SessionWriter,
    private readonly verifier: SessionVerifier,
    private readonly invalidation: Invalidation,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
  ) {}

  /** Those that have not ended, the one seen last first. */
  async list({ id: userId, sessionId }: AuthUser): Promise<OpenSessionDto[]> {
    const rows = await this.database.load(() =>
      this.repository.find({
        where: { userId, endedAt: IsNull(), expiresAt: MoreThan(this.clock.now()) },
        order: { lastSeenAt: 'DESC', id: 'DESC' },
        take: MAX_SESSIONS,
      }),
    );
    return rows.map(({ id, device, address, createdAt, lastSeenAt }) => ({
      ...{ id, device, address, createdAt, lastSeenAt },
      current: id === sessionId,
    }));
  }

  /** Whether the user has signed in from there before, in a session that is kept; those that have ended count. */
  async knows(userId: number, from: Seen, manager: EntityManager): Promise<boolean> {
    const seen = await manager.query<Seen[]>(
      `SELECT DISTINCT device, address FROM sessions WHERE user_id = $1 LIMIT ${MOST_DEVICES}`,
      [userId],
    );
    return seen.some((one) => isSameDevice(one, from));
  }

  /**
   * When this returns, this process refuses the session's access tokens, and the others do so within a second.
   *
   * @throws {SessionNotFound} the same for an absent session, one that has ended and another user's.
   * @throws {SessionEndUnconfirmed} repeat it then.
   */
  async end(userId: number, id: number): Promise<void> {
    const ended = await this.database.transaction(async (manager) => {
      const changes = await this.writer.end(userId, id, manager);
      if (changes === null) throw new SessionNotFound();
      await this.audit.writeIn(manager, {
        ...{ action: 'session.end', outcome: 'done', userId },
        detail: `Session ${id}`,
      });
      return changes;
    });
    if ((await this.confirmEnd(ended)) === 'pending') throw new SessionEndUnconfirmed();
  }

  /**
   * Ends all but the caller's own.
   *
   * @throws {SessionEndUnconfirmed}
   */
  async endOthers({ id: userId, sessionId }: AuthUser): Promise<void> {
    const ended = await this.database.transaction(async (manager) => {
      const changes = await this.writer.endAll(userId, manager, sessionId ?? null);
      await this.audit.writeIn(manager, {
        ...{ action: 'session.end', outcome: 'done', userId },
        detail: `All others: ${changes.changes.length}`,
      });
      return changes;
    });
    if ((await this.confirmEnd(ended)) === 'pending') throw new SessionEndUnconfirmed();
  }

  /** After the COMMIT and before the reply. */
  async confirmEnd(ended: CommittedChanges): Promise<InvalidationOutcome> {
    try {
      return await this.invalidation.afterCommit(ended);
    } finally {
      this.verifier.forget(ended.changes.filter(isSessionChange).map(({ sessionKey }) => sessionKey));
    }
  }
}
