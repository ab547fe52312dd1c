import { problem } from '../common/domain-error.js';

/** The same for an absent connection and another user's. */
export class PlatformNotFound extends problem(404, 'platform_not_found', 'Platform connection not found') {
  constructor() {
    super('No platform connection has this id.');
  }
}

export class NoPlatforms extends problem(404, 'no_platforms', 'No active platform connection') {
  constructor() {
    super('You have no active platform connection, so there is no default.');
  }
}

/** The same for every reason: a picture must not reveal what this server can reach. */
export class NoAvatar extends problem(404, 'no_avatar', 'No picture') {
  constructor() {
    super('The account has no picture, or the picture is temporarily unavailable.');
  }
}

export class DuplicateName extends problem(409, 'duplicate_name', 'Name already used') {
  constructor() {
    super('Another of your platform connections has this name.');
  }
}

export class DuplicateAccount extends problem(409, 'duplicate_account', 'Account already connected') {
  constructor() {
    super('Another of your platform connections has this instance and username.');
  }
}

export class DuplicateExternalId extends problem(409, 'duplicate_external_id', 'External id already used') {
  constructor() {
    super('Another of your platform connections has this externalId.');
  }
}

/** All connections of a user are read, sorted and sent at once, so their number is bounded. */
export class TooManyPlatforms extends problem(409, 'too_many_platforms', 'Too many platform connections') {
  constructor(max: number) {
    super(
      `You already have ${max} platform connections, including inactive ones. Delete one that you no longer need.`,
    );
  }
}

export class PlatformInactive extends problem(409, 'platform_inactive', 'Platform connection is not active') {
  constructor(refused = 'An inactive platform connection cannot be the default.') {
    super(`${refused} Activate it first.`);
  }
}

/** A user who deactivates a connection does not expect its credentials to be used. */
export const REVEAL_OF_INACTIVE = 'The credentials of an inactive platform connection are not revealed.';

/** The same for a broken seal, an unknown key and a damaged ciphertext: the difference would only help an attacker. */
export class NeedsReconnect extends problem(409, 'needs_reconnect', 'Reconnect this account') {
  constructor() {
    super(
      'The stored credentials can no longer be opened. Connect the account again, or save new credentials.',
    );
  }
}

export class DefaultRequired extends problem(409, 'default_required', 'A default is required') {
  constructor() {
    super('This is the default platform connection. Make another one the default instead.');
  }
}

export class VersionMismatch extends problem(412, 'version_mismatch', 'The resource has changed') {
  constructor() {
    super(
      'The platform connection has changed since you read it: If-Match names another version. Read it again.',
    );
  }
}
