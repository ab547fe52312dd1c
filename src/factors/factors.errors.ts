import { problem } from '../common/domain-error.js';

/** Told only to somebody who has the right password. */
export class SecondFactorRequired extends problem(403, 'second_factor_required', 'Second factor needed') {
  constructor() {
    super('This account also needs a passkey, a code of its authenticator app, or a recovery code.');
  }
}

/** Identical for a wrong code and one that has been used. */
export class WrongCode extends problem(403, 'wrong_code', 'Wrong code') {
  constructor() {
    super('The code is wrong, or has been used. Wait for the next one.');
  }
}

export class TotpEnabled extends problem(409, 'totp_enabled', 'Authenticator app in use') {
  constructor() {
    super('An authenticator app is in use. Remove it before you set up another one.');
  }
}

/** Nothing was set up, or it was removed. */
export class TotpNotFound extends problem(404, 'totp_not_found', 'No authenticator app') {
  constructor() {
    super('No authenticator app is set up.');
  }
}

/** Identical for an unknown passkey, a wrong signature, and a challenge that has expired or was answered before. */
export class PasskeyRefused extends problem(403, 'passkey_refused', 'Passkey refused') {
  constructor() {
    super('The passkey is not known here, or its answer came too late. Try again.');
  }
}

/** Identical for an absent passkey and another user's. */
export class PasskeyNotFound extends problem(404, 'passkey_not_found', 'Passkey not found') {
  constructor() {
    super('No passkey has this id.');
  }
}

export class TooManyPasskeys extends problem(409, 'too_many_passkeys', 'Too many passkeys') {
  constructor() {
    super('You already have 20 passkeys. Remove one that you no longer use.');
  }
}
