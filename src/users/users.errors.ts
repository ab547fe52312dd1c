import { problem } from '../common/domain-error.js';

export class EmailTaken extends problem(409, 'email_taken', 'E-mail address taken') {
  constructor() {
    super('An account with this e-mail address already exists.');
  }
}

export class UserNotFound extends problem(404, 'user_not_found', 'User not found') {
  constructor() {
    super('No user has this id.');
  }
}

/** Nobody can shut themselves out, so there is always an administrator. */
export class OwnAccount extends problem(409, 'own_account', 'Your own account') {
  constructor() {
    super('Administrators cannot change their own account. Ask another administrator.');
  }
}

/** Identical for one that is unknown, used, withdrawn, expired, or for another address. */
export class InvalidInvitation extends problem(403, 'invalid_invitation', 'Invitation not valid') {
  constructor() {
    super('The invitation is not valid: it may be used, withdrawn, expired, or for another address.');
  }
}

export class InvitationRequired extends problem(403, 'invitation_required', 'Invitation required') {
  constructor() {
    super('This server accepts new accounts by invitation only.');
  }
}

export class InvitationNotFound extends problem(404, 'invitation_not_found', 'Invitation not found') {
  constructor() {
    super('No open invitation has this id.');
  }
}

export class TooManyInvitations extends problem(409, 'too_many_invitations', 'Too many invitations') {
  constructor() {
    super('There are too many open invitations. Withdraw some first.');
  }
}
