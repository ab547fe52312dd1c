import { DomainError, ServiceUnavailable } from '../common/domain-error.js';

/** The account, or the process, has as many clients as it may. */
export class TooManyEventClients extends DomainError {
  readonly code = 'too_many_event_clients';
  readonly status = 429;
  readonly title = 'Too many connected clients';
  override readonly retryAfterSeconds = 30;

  constructor() {
    super('Too many clients listen to events already. Close one, or try again later.');
  }
}

/** This process ends; another one, or the next, takes the client. */
export class EventsShuttingDown extends ServiceUnavailable {
  override readonly code = 'shutting_down';
  override readonly logLevel = 'debug';

  constructor() {
    super('This process is being stopped. Connect again.');
  }
}
