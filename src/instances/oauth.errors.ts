import { OutgoingRequestError } from './guarded-http.errors.js';

export type OAuthFailure =
  | 'access_denied'
  | 'invalid_client'
  | 'invalid_grant'
  | 'registration_refused'
  | 'oauth_refused'
  | 'blocked_address'
  | 'instance_unreachable'
  | 'instance_error';

const MESSAGES: Readonly<Record<OAuthFailure, string>> = {
  access_denied: 'The access was not granted at the instance.',
  invalid_client: 'The instance does not know this application any more. Start again.',
  invalid_grant: 'The instance does not accept the authorisation any more. Start again.',
  registration_refused: 'The instance did not register this application.',
  oauth_refused: 'The instance refused the authorisation.',
  blocked_address: 'This address is not one that may be connected to.',
  instance_unreachable: 'The instance cannot be reached.',
  instance_error: 'The instance answered with an error, or with something that cannot be understood.',
};

/** An OAuth exchange came to nothing. Has no cause: the library's errors carry requests and answers with secrets. */
export class OAuthFailed extends Error {
  override readonly name = 'OAuthFailed';

  constructor(readonly reason: OAuthFailure) {
    super(MESSAGES[reason]);
  }
}

/** For `catch`: what kept a request from being answered, as an OAuth failure. */
export function failedRequest(error: unknown): never {
  throw error instanceof OutgoingRequestError ? new OAuthFailed(error.reason) : error;
}
