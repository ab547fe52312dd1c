import { Injectable } from '@nestjs/common';
import { CredentialCipher } from '../../credentials/credential-cipher.js';
import { Database } from '../../database/database.js';
import { type AccountCheck, isRightAccount } from '../../instances/check-outcome.js';
import type { CachedPlatform } from '../platform-cache.js';
import { PlatformWriter } from '../platform-writer.js';
import { sealedOf } from '../platform.repository.js';
import { DuplicateAccount } from '../platforms.errors.js';
import { findSameAccount } from './same-account.js';

/** What a test says about the account beside the status. */
@Injectable()
export class TestedAccounts {
  constructor(
    private readonly database: Database,
    private readonly writer: PlatformWriter,
    private readonly cipher: CredentialCipher,
  ) {}

  /**
   * Gives a connection without a username that of its account, unless another one of the user has the account already.
   *
   * @returns the id of that other one.
   */
  async note({ view, credentials }: CachedPlatform, check: AccountCheck): Promise<number | null> {
    const { outcome, account } = check;
    if (account === null || !isRightAccount(outcome)) return null;
    const { id, userId, instanceUrl, platformType, username } = view;
    const own = { userId, instanceUrl, platformType, account };
    const other = (): Promise<number | null> =>
      this.database.load((manager) => findSameAccount(manager, own, id));
    const same = await other();
    if (same !== null || username !== null) return same;
    try {
      await this.writer.amend(
        userId,
        id,
        (row) =>
          row.username === null &&
          row.accessToken === credentials.accessToken &&
          row.instanceUrl === instanceUrl
            ? { username: account.username, seal: this.cipher.reseal(row, sealedOf(row), account.username) }
            : null,
        { action: 'credentials.seal', outcome: 'done' },
      );
      return null;
    } catch (error) {
      if (!(error instanceof DuplicateAccount)) throw error;
      return other();
    }
  }
}
