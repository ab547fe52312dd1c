import type { ImportAccounts } from '../../platforms/transfer/platform-import.js';
import { isPlaceholder, isStorable } from '../../users/oidc-identity.js';
import type { UsersService } from '../../users/users.service.js';

/** People go by their e-mail address: an id means another person in another installation. */
export function importAccounts(users: UsersService, createUsers: boolean): ImportAccounts {
  return {
    find: (emails, manager) => users.idsOf(emails, manager),
    refusal: (email) => {
      if (!createUsers) return 'there is no account with this address; see --create-users';
      return isStorable(email) && !isPlaceholder(email)
        ? null
        : 'no account can be created with this address';
    },
    // Nobody can sign in before users:reset-password.
    create: async (email, manager) => (await users.create(email, null, manager)).id,
  };
}
