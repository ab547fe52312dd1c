import { InvalidField, problem } from '../common/domain-error.js';

export class IdempotencyKeyReused extends problem(
  422,
  'idempotency_key_reused',
  'Idempotency-Key used before',
) {
  constructor() {
    super('This Idempotency-Key was sent with another request. Make a new key for each request.');
  }
}

export class IdempotencyKeyInUse extends problem(409, 'idempotency_key_in_use', 'Request still running') {
  constructor(override readonly retryAfterSeconds: number) {
    super('A request with this Idempotency-Key is still running. Repeat it after Retry-After seconds.');
  }
}

export class InvalidIdempotencyKey extends InvalidField {
  constructor() {
    super([
      { pointer: '#Idempotency-Key', detail: 'must be one header of 1 to 255 visible ASCII characters' },
    ]);
  }
}
