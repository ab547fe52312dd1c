import { problem, ServiceUnavailable } from '../common/domain-error.js';

/** The user or the process has reached its limit of clients. */
export class TooManyEventClients extends problem(
  429,
  'too_many_event_clients',
  'Too many connected clients',
) {
  override readonly retryAfterSeconds = 30;

  constructor() {
    super('Too many clients are already listening to events. Close one or try again later.');
  }
}

/** This process is shutting down. The client reconnects to another one, or to its successor. */
export class EventsShuttingDown extends ServiceUnavailable {
  override readonly code = 'shutting_down';
  override readonly logLevel = 'debug';

  constructor() {
    super('The server is shutting down. Reconnect.');
  }
}
