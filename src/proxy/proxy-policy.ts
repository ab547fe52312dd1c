import { Injectable } from '@nestjs/common';
import type { AuthUser } from '../http/auth/auth-user.js';
import { PolicyRefused } from '../http/auth/auth.errors.js';
import { NO_POLICY } from '../http/auth/key-policy.js';
import { RateLimited } from '../rate-limit/rate-limit.errors.js';
import { RateLimiter } from '../rate-limit/rate-limiter.js';

/** Whether the caller may send this to an instance. For which connection and from where, the guard has asked already. */
@Injectable()
export class ProxyPolicy {
  constructor(private readonly limiter: RateLimiter) {}

  /** @throws {PolicyRefused | RateLimited} */
  async admit({ policy = NO_POLICY, apiKeyId }: AuthUser, method: string, path: string): Promise<void> {
    if (!policy.permitsMethod(method)) {
      throw new PolicyRefused(
        apiKeyId === undefined
          ? 'Signed-in people may only read here, with GET and HEAD. To write, use an API key whose policy names the methods.'
          : `The policy of the API key does not allow ${method}. Without methods it allows GET and HEAD.`,
      );
    }
    if (!policy.permitsPath(path))
      throw new PolicyRefused('The policy of the API key does not allow this path.');
    if (policy.perMinute === null) return;
    const verdict = await this.limiter.takeExactly(`proxy:key:${apiKeyId}`, policy.perMinute);
    if (!verdict.admitted) throw new RateLimited(verdict.resetSeconds);
  }
}
