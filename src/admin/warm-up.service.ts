import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { ServiceUnavailable } from '../common/domain-error.js';
import { AdmissionGate } from '../database/admission-gate.js';
import { PlatformsService } from '../platforms/platforms.service.js';

/** Pause while requests wait for the database. */
const YIELD_MS = 20;
/** Pause after the database or the cache did not respond. */
const RETRY_MS = 1000;
/** Failures for one user after which warming stops. */
const MAX_FAILURES = 10;

interface WarmUpProgress {
  readonly done: number;
  readonly total: number;
  /** Entries that this process filled. */
  readonly filled: number;
}

/** Loads the entries of the most recently active users, one load at a time and only when no request waits. */
@Injectable()
export class WarmUpService {
  readonly #logger = new Logger('WarmUp');

  constructor(
    private readonly platforms: PlatformsService,
    private readonly gate: AdmissionGate,
  ) {}

  /**
   * @param users maximum number of users.
   * @throws {ServiceUnavailable} when the database or the cache stays unavailable.
   */
  async run(
    users: number,
    { signal, onProgress }: { signal?: AbortSignal; onProgress?: (progress: WarmUpProgress) => void } = {},
  ): Promise<WarmUpProgress> {
    let progress: WarmUpProgress = { done: 0, total: 0, filled: 0 };
    const ids = await this.platforms.recentlyActiveUsers(users);
    for (const id of ids) {
      if (signal?.aborted === true) break;
      const filled = progress.filled + (await this.warmOne(id, signal));
      progress = { done: progress.done + 1, total: ids.length, filled };
      onProgress?.(progress);
    }
    return progress;
  }

  private async warmOne(userId: number, signal?: AbortSignal): Promise<number> {
    for (let failures = 0; signal?.aborted !== true;) {
      if (!this.gate.hasRoomToSpare) {
        await sleep(YIELD_MS, undefined, { ref: false });
        continue;
      }
      try {
        return await this.platforms.warm(userId);
      } catch (error) {
        if (!(error instanceof ServiceUnavailable) || ++failures >= MAX_FAILURES) throw error;
        this.#logger.debug(`Warming paused: ${error.code}`);
        await sleep(RETRY_MS, undefined, { ref: false });
      }
    }
    return 0;
  }
}
