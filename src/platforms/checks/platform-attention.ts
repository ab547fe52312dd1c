import { Injectable } from '@nestjs/common';
import { Replica } from '../../database/replica.js';
import type { PlatformStatus } from '../platform-view.js';

const SHOWN = 10;
const SOON = '30 days';

export interface Attention {
  readonly id: number;
  readonly userId: number;
  readonly name: string;
  readonly instanceUrl: string;
  readonly at: Date;
}

const COLUMNS = 'c.id, c.user_id AS "userId", c.name, c.instance_url AS "instanceUrl"';

const BROKEN_SQL = `
  SELECT ${COLUMNS}, c.status, w.condition_at AS at
  FROM platform_watch w JOIN platform_connections c ON c.id = w.platform_id AND c.is_active
  WHERE w.broken_checks >= 2 ORDER BY w.condition_at DESC LIMIT ${SHOWN}`;

const EXPIRING_SQL = `
  SELECT ${COLUMNS}, c.token_expires_at AS at FROM platform_connections c
  WHERE c.is_active AND c.token_expires_at > now() AND c.token_expires_at <= now() + interval '${SOON}'
  ORDER BY c.token_expires_at LIMIT ${SHOWN}`;

/** Which of all users' connections somebody should look at, for administrators. */
@Injectable()
export class PlatformAttention {
  constructor(private readonly replica: Replica) {}

  async read(): Promise<{
    brokenLately: (Attention & { readonly status: PlatformStatus })[];
    expiringSoon: Attention[];
  }> {
    return this.replica.load(async (manager) => ({
      brokenLately: await manager.query(BROKEN_SQL),
      expiringSoon: await manager.query(EXPIRING_SQL),
    }));
  }
}
