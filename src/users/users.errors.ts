import { DomainError } from '../common/domain-error.js';

export class EmailTaken extends DomainError {
  readonly code = 'email_taken';
  readonly status = 409;
  readonly title = 'E-mail address taken';

  constructor() {
    super('An account with this e-mail address already exists.');
  }
}
