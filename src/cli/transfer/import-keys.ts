import { KeyRing, MalformedKeyRing } from '../../crypto/key-ring.js';
import { readable } from '../../crypto/readable.js';
import { CommandFailed } from '../command-failed.js';
import { secretSetting } from './secret-setting.js';

/**
 * How the secrets of a file are decrypted: null if they are plain text.
 *
 * @throws {CommandFailed}
 */
export function importKeys(): ((token: string) => string | null) | null {
  const keys = secretSetting('CREDENTIALS_IMPORT_KEY');
  if (keys === null) return null;
  try {
    const ring = KeyRing.parse(keys);
    return (token) => readable(() => ring.decrypt(token));
  } catch (error) {
    if (error instanceof MalformedKeyRing)
      throw new CommandFailed(`CREDENTIALS_IMPORT_KEY: ${error.message}`, { cause: error });
    throw error;
  }
}
