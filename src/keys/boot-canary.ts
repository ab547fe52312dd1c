import { ConfigurationError } from '../config/load-config.js';
import type { KeyRing } from '../crypto/key-ring.js';
import { readable } from '../crypto/readable.js';
import type { Database } from '../database/database.js';

const TEXT = 'platform-manager/key-canary/v1';

/** The database belongs to another key ring. The message tells the operator what to do. Key ids are not secret. */
export class KeyRingMismatch extends ConfigurationError {
  constructor(neededKeyId: string, keyIds: readonly string[]) {
    super([
      `PLATFORM_ENCRYPTION_KEY: cannot decrypt this database. It needs the key with the id ${neededKeyId}, ` +
        `but the key ring has ${keyIds.join(', ')}.`,
      'Put the old key back behind the new one (PLATFORM_ENCRYPTION_KEY=<new key>,<old key>), start, and run',
      '"npm run cli -- keys:rotate" before you remove the old key again. Or DATABASE_URL points to another installation.',
    ]);
  }
}

/**
 * A fixed text in the database, encrypted when the database was first used. A process whose key ring cannot decrypt it
 * must not start: it would show every connection as broken, and encrypt new ones with a key that its peers lack.
 */
export class BootCanary {
  constructor(
    private readonly database: Database,
    private readonly ring: KeyRing,
  ) {}

  /**
   * If several processes start for the first time at once, one inserts the canary and the others check against it.
   *
   * @throws {KeyRingMismatch}
   */
  async check(): Promise<void> {
    await this.database.statement(
      'INSERT INTO key_canary (token, key_id) VALUES ($1, $2) ON CONFLICT DO NOTHING',
      [this.ring.encrypt(TEXT), this.ring.primaryKeyId],
    );
    const [canary] = await this.database.statement<{ token: string; keyId: string }>(
      'SELECT token, key_id AS "keyId" FROM key_canary',
    );
    if (canary === undefined) throw new Error('The key canary was deleted while it was being read.');
    const { token, keyId } = canary;
    const text = readable(() => this.ring.decrypt(token, keyId));
    if (text !== TEXT) throw new KeyRingMismatch(keyId, this.ring.keyIds);
  }

  /** Re-encrypts the canary under the primary key. */
  async renew(): Promise<void> {
    await this.database.transaction((manager) =>
      manager.query('UPDATE key_canary SET token = $1, key_id = $2 WHERE key_id <> $2', [
        this.ring.encrypt(TEXT),
        this.ring.primaryKeyId,
      ]),
    );
  }
}
