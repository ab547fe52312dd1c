import { DomainError } from '../common/domain-error.js';

export class RateLimited extends DomainError {
  readonly code = 'rate_limited';
  readonly status = 429;
  readonly title = 'Too many requests';

  constructor(override readonly retryAfterSeconds: number) {
    super('Too many requests. Try again later.');
  }
}
