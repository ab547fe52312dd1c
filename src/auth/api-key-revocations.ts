import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { CacheUnavailable } from '../cache/cache-errors.js';
import { CacheHealth } from '../cache/cache-health.js';
import { CacheService } from '../cache/cache.service.js';
import { Database } from '../database/database.js';
import { API_KEY_TTL_SECONDS, apiKeyCacheKey } from './api-key-cache.js';
import { RevocationUnconfirmed } from './auth.errors.js';

const POLL_INTERVAL_MS = 1000;
const BATCH = 200;
/** How long a revocation waits for another process to do what this one cannot, because Redis is out of its reach. */
const PEER_WAIT_MS = 2500;
const PEER_POLL_MS = 100;

interface Pending {
  readonly id: number;
  readonly lookup: string;
}

/**
 * Sees to it that a changed key is in no cache. A trigger marks the row in the writer's own transaction; whoever
 * drops the entry takes the mark away. So nothing is lost when a process dies between COMMIT and dropping, or has
 * lost Redis: any other one finds the mark within a second.
 */
@Injectable()
export class ApiKeyRevocations implements OnApplicationBootstrap, OnApplicationShutdown {
  #timer: NodeJS.Timeout | undefined;
  #draining: Promise<void> | null = null;

  constructor(
    private readonly database: Database,
    private readonly cache: CacheService,
    health: CacheHealth,
  ) {
    health.onRecovery(() => this.afterOutage());
  }

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => {
      this.#draining ??= this.drain()
        // Database or Redis is away; the next poll comes in a second.
        .catch(() => undefined)
        .finally(() => (this.#draining = null));
    }, POLL_INTERVAL_MS).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.#timer);
    await this.#draining;
  }

  /**
   * Returns when no process can be served the entry any more.
   *
   * @throws {RevocationUnconfirmed} when that could not be made sure of in time; the mark stays.
   */
  async carryOut(lookup: string): Promise<void> {
    try {
      await this.cache.drop([apiKeyCacheKey(lookup)]);
      await this.unmark(lookup);
      return;
    } catch (error) {
      if (!(error instanceof CacheUnavailable)) throw error;
    }
    const deadline = performance.now() + PEER_WAIT_MS;
    while (performance.now() < deadline) {
      await sleep(PEER_POLL_MS);
      if (!(await this.isPending(lookup))) return;
    }
    throw new RevocationUnconfirmed();
  }

  /** Drops what is marked. @throws {CacheUnavailable} and then the marks stay. */
  async drain(): Promise<void> {
    const marked = await this.database.load((manager) =>
      manager.query<unknown[]>('SELECT 1 FROM api_keys WHERE drop_pending LIMIT 1'),
    );
    if (marked.length === 0) return;
    await this.database.transaction(async (manager) => {
      // Locked until the mark is gone: a change that comes meanwhile waits and marks the row anew.
      const rows = await manager.query<Pending[]>(
        'SELECT id, lookup FROM api_keys WHERE drop_pending ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED',
        [BATCH],
      );
      await this.drop(rows);
      await manager.query('UPDATE api_keys SET drop_pending = false WHERE id = ANY($1)', [
        rows.map(({ id }) => id),
      ]);
    });
  }

  /** Before cached values are believed again. A server that lost its last writes may have lost confirmed DELs too. */
  private async afterOutage(): Promise<void> {
    await this.drop(
      await this.database.load((manager) =>
        manager.query<Pending[]>(
          `SELECT id, lookup FROM api_keys
           WHERE drop_pending OR (revoked_at IS NOT NULL AND revoked_at > now() - make_interval(secs => $1))`,
          [2 * API_KEY_TTL_SECONDS],
        ),
      ),
    );
  }

  private drop(rows: readonly Pending[]): Promise<void> {
    return this.cache.drop(rows.map(({ lookup }) => apiKeyCacheKey(lookup)));
  }

  /** Only for a key that is revoked for good: nothing can be cached of it again. The poll does it otherwise. */
  private async unmark(lookup: string): Promise<void> {
    await this.database.transaction((manager) =>
      manager.query(
        'UPDATE api_keys SET drop_pending = false WHERE lookup = $1 AND revoked_at IS NOT NULL AND drop_pending',
        [lookup],
      ),
    );
  }

  private async isPending(lookup: string): Promise<boolean> {
    const rows = await this.database.load((manager) =>
      manager.query<unknown[]>('SELECT 1 FROM api_keys WHERE lookup = $1 AND drop_pending', [lookup]),
    );
    return rows.length > 0;
  }
}
