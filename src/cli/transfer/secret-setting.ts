import { ConfigurationError } from '../../config/load-config.js';
import { withSecretFiles } from '../../config/secret-files.js';

/**
 * A secret that only commands need, from the environment or from the file that `<name>_FILE` names. Null if neither is set.
 *
 * @throws {ConfigurationError}
 */
export function secretSetting(name: string): string | null {
  const set = Object.entries(process.env).filter(([, value]) => value !== undefined && value !== '');
  const problems: string[] = [];
  const secret = withSecretFiles(Object.fromEntries(set), problems, [name])[name];
  if (problems.length > 0) throw new ConfigurationError(problems);
  return secret ?? null;
}
