import { ServiceUnavailable, problem } from '../common/domain-error.js';

/** Identical for an absent session, one that has ended and another user's. */
export class SessionNotFound extends problem(404, 'session_not_found', 'Session not found') {
  constructor() {
    super('No session has this id.');
  }
}

/** It is ended in the database, but a process that still reaches the cache may accept its access token for a while. */
export class SessionEndUnconfirmed extends ServiceUnavailable {
  override readonly code = 'session_end_unconfirmed';

  constructor() {
    super(
      'The session is ended, but its cached copy could not be dropped. Repeat the request until it succeeds.',
    );
  }
}
