import type { FaultDeployment } from './fault-deployment.js';
import type { FaultProcess } from './fault-process.js';
import type { InsertedUser } from './insert-users.js';
import type { Reply } from './load.js';

interface Observed {
  readonly platformId: number;
  /** When the read was sent, by Date.now(). */
  readonly sentAt: number;
  readonly version: number;
  /** The highest version whose write had been acknowledged by then. */
  readonly acknowledged: number;
}

/** Version of the one platform connection that a list, or a single view, shows. */
export function versionIn({ text }: Reply): number {
  const [shown] = [JSON.parse(text) as { version: number } | { version: number }[]].flat();
  if (shown === undefined) throw new Error('The list is empty');
  return shown.version;
}

/** Writes and reads of users with one connection each, checked against what had been acknowledged. */
export class History {
  readonly unanswered: Reply[] = [];
  readonly writes: Reply[] = [];
  private readonly acknowledged = new Map<number, number>();
  private readonly observed: Observed[] = [];

  get reads(): number {
    return this.observed.length;
  }

  /** Renames once, and notes the acknowledgement. */
  async write(process: FaultProcess, user: InsertedUser, name: string): Promise<Reply> {
    const reply = await process.rename(user, name);
    this.writes.push(reply);
    if (reply.status === 200) this.acknowledged.set(user.platformId, versionIn(reply));
    return reply;
  }

  /** Reads the list, or the single connection, and notes what was shown. */
  async read(process: FaultProcess, user: InsertedUser, what: 'list' | 'one'): Promise<Reply> {
    const acknowledged = this.acknowledged.get(user.platformId) ?? 1;
    const sentAt = Date.now();
    const reply = await process[what](user);
    if (reply.status === 200) {
      this.observed.push({ platformId: user.platformId, sentAt, version: versionIn(reply), acknowledged });
    } else {
      this.unanswered.push(reply);
    }
    return reply;
  }

  /** Reads that showed something older than a write acknowledged before they were sent. */
  olderThanAcknowledged(): Observed[] {
    return this.observed.filter(({ version, acknowledged }) => version < acknowledged);
  }

  /** The longest time after a commit, in milliseconds, that a read was sent which did not show it. */
  async stalestMs(deployment: FaultDeployment): Promise<number> {
    const changes = await deployment.backends.rows<{ platformId: number; at: Date }>(
      `SELECT platform_id AS "platformId", at FROM platform_changes WHERE type = 'platform.updated' ORDER BY id`,
    );
    const commits = new Map<number, number[]>();
    for (const { platformId, at } of changes) {
      commits.set(platformId, [...(commits.get(platformId) ?? []), at.getTime()]);
    }
    // Version 1 is the inserted row, so what replaced version n was the n-th change.
    return Math.max(
      0,
      ...this.observed.map(({ platformId, sentAt, version }) => {
        const replacedAt = commits.get(platformId)?.[version - 1];
        return replacedAt === undefined ? 0 : sentAt - replacedAt;
      }),
    );
  }
}
