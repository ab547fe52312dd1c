import { problem } from '../common/domain-error.js';

export class EmailTaken extends problem(409, 'email_taken', 'E-mail address taken') {
  constructor() {
    super('An account with this e-mail address already exists.');
  }
}
