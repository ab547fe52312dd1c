import { DETAILS } from './check-outcome.js';
import { OutgoingRequestError } from './guarded-http.errors.js';

export type OAuthFailure =
  | 'access_denied'
  | 'invalid_client'
  | 'invalid_grant'
  | 'registration_refused'
  | 'oauth_refused'
  | 'blocked_address'
  | 'instance_unreachable'
  | 'instance_error'
  | 'instance_blocks_programs'
  | 'identity_mismatch';

const MESSAGES: Readonly<Record<OAuthFailure, string>> = {
  access_denied: 'Access was not granted at the instance.',
  invalid_client: 'The instance no longer recognises this application. Start again.',
  invalid_grant: 'The instance no longer accepts this authorisation. Start again.',
  registration_refused: 'The instance refused to register this application.',
  oauth_refused: 'The instance refused the authorisation.',
  blocked_address: 'Connections to this address are not allowed.',
  instance_unreachable: 'The instance cannot be reached.',
  instance_error: 'The instance answered with an error or an invalid response.',
  instance_blocks_programs: DETAILS.instance_blocks_programs,
  identity_mismatch: 'You signed in to another account than the one that you named.',
};

/** An OAuth exchange failed. It has no `cause`: the library's errors contain requests and responses with secrets. */
export class OAuthFailed extends Error {
  override readonly name = 'OAuthFailed';

  constructor(readonly reason: OAuthFailure) {
    super(MESSAGES[reason]);
  }
}

/** The instance lets only people revoke tokens. */
export class RevocationRefused extends Error {
  override readonly name = 'RevocationRefused';

  constructor() {
    super('The instance does not let applications revoke tokens. Its user can, in the settings there.');
  }
}

/** For `catch`: rethrows a failed request as an OAuth failure. */
export function failedRequest(error: unknown): never {
  throw error instanceof OutgoingRequestError ? new OAuthFailed(error.reason) : error;
}
