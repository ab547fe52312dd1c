import { problem } from '../common/domain-error.js';

export class RateLimited extends problem(429, 'rate_limited', 'Too many requests') {
  constructor(override readonly retryAfterSeconds: number) {
    super('Too many requests. Try again later.');
  }
}
