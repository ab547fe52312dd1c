import { Injectable, Logger } from '@nestjs/common';
import { ServiceUnavailable } from '../common/domain-error.js';
import { PlatformChecks } from '../platforms/checks/platform-checks.js';
import { type TokenOwner, TokenRefresh, passingFailure } from '../platforms/renewal/token-refresh.js';
import { RateLimiter } from '../rate-limit/rate-limiter.js';
import { WatchMeter } from '../watch/watch-meter.js';

/** An instance that refuses everything must not have every request refreshed and checked. */
const A_MINUTE = 1;

/** What is done when an instance refuses the token of a connection, with 401. */
@Injectable()
export class RefusedToken {
  readonly #logger = new Logger('Proxy');
  /** By connection: requests that are refused together share one renewal. */
  readonly #renewals = new Map<number, Promise<string | null>>();

  constructor(
    private readonly refresh: TokenRefresh,
    private readonly checks: PlatformChecks,
    private readonly watchMeter: WatchMeter,
    private readonly limiter: RateLimiter,
  ) {}

  /**
   * Renews the token if that is possible. Otherwise the connection is checked, as the watcher does it: if the instance
   * refuses the token there too, the connection becomes `token_invalid`, and its owner hears of it. One refused request alone
   * is no proof.
   *
   * @returns the token to try again with; null if there is none.
   */
  renewed(platform: TokenOwner, refused: string): Promise<string | null> {
    const { id: platformId } = platform;
    let renewal = this.#renewals.get(platformId);
    if (renewal === undefined) {
      renewal = this.renew(platform, refused).finally(() => this.#renewals.delete(platformId));
      this.#renewals.set(platformId, renewal);
    }
    return renewal.then((token) => (token === refused ? null : token));
  }

  private async renew(platform: TokenOwner, refused: string): Promise<string | null> {
    const { id } = platform;
    try {
      const current = await this.refresh.currentToken(platform);
      // Renewed since the request was sent, or deleted.
      if (current !== refused) return current;
      const verdict = await this.limiter.takeExactly(`refused_token:${id}`, A_MINUTE);
      if (!verdict.admitted) return null;
      const outcome = await this.refresh.refreshRefused(platform, refused);
      this.watchMeter.record({ kind: 'refresh', outcome });
      if (outcome === 'refreshed' || outcome === 'overtaken')
        return await this.refresh.currentToken(platform);
      // Another process has the lease, and will see what comes of it.
      const failure = passingFailure(outcome);
      if (outcome !== 'not_due') await this.checks.watch(id, { failure, hasFailed: failure === null });
      return null;
    } catch (error) {
      if (!(error instanceof ServiceUnavailable)) throw error;
      this.#logger.warn(`A refused token could not be looked into: ${error.code}`);
      return null;
    }
  }
}
