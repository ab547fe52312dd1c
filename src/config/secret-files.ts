import { readFileSync } from 'node:fs';

/** Settings that hold a secret. Each may come from the file that `<NAME>_FILE` names, as Docker and Kubernetes mount them. */
export const SECRET_SETTINGS = [
  'DATABASE_URL',
  'DATABASE_DIRECT_URL',
  'DATABASE_REPLICA_URL',
  'REDIS_URL',
  'REDIS_SENTINEL_PASSWORD',
  'PLATFORM_ENCRYPTION_KEY',
  'JWT_SECRET',
  'METRICS_TOKEN',
  'SMTP_URL',
] as const;

/** The settings with what their files hold, without the line feed at the end. @param problems is added to. */
export function withSecretFiles(
  given: Readonly<Record<string, string | undefined>>,
  problems: string[],
  names: readonly string[] = SECRET_SETTINGS,
): Record<string, string | undefined> {
  const settings = { ...given };
  for (const name of names) {
    const file = given[`${name}_FILE`];
    if (file === undefined) continue;
    if (given[name] !== undefined) {
      problems.push(`${name}_FILE: must not be set beside ${name}`);
      continue;
    }
    try {
      settings[name] = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    } catch (error) {
      const { code = 'unknown error' } = error as NodeJS.ErrnoException;
      problems.push(`${name}_FILE: the file cannot be read (${code})`);
    }
  }
  return settings;
}
