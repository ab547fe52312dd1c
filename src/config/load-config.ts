import { randomBytes } from 'node:crypto';
import { AppConfig, ENCRYPTION_KEY_FILE } from './app-config.js';
import { developmentSecret } from './development-secrets.js';
import { environmentSchema } from './environment.js';

/** Lists every missing or invalid setting by name, one per line. Never quotes a value: it may be a secret. */
export class ConfigurationError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`The configuration is not valid:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.name = 'ConfigurationError';
  }
}

const REQUIRED_IN_PRODUCTION = [
  ['DATABASE_URL', 'a postgres:// URL'],
  ['REDIS_URL', 'a redis:// or rediss:// URL'],
  ['PLATFORM_ENCRYPTION_KEY', 'a Fernet key; make one with: npm run cli -- keys:generate'],
  ['JWT_SECRET', 'at least 32 characters, or OIDC_ISSUER; make one with: openssl rand -base64 48'],
] as const;

const HINTS: Readonly<Record<string, string>> = {
  PLATFORM_ENCRYPTION_KEY: ' (make one with: npm run cli -- keys:generate)',
  JWT_SECRET: ' (make one with: openssl rand -base64 48)',
};

/**
 * Turns environment variables into the typed configuration.
 *
 * Outside production, missing secrets are generated and kept in `DATA_DIR`. If that folder is lost but the database is
 * not, the boot canary refuses to start with the next generated key.
 *
 * @throws {ConfigurationError} listing all problems.
 */
export function loadConfig(source: NodeJS.ProcessEnv): AppConfig {
  const given = Object.fromEntries(
    Object.entries(source).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = environmentSchema.safeParse(given);
  const problems = parsed.success
    ? []
    : parsed.error.issues.map((issue) => {
        const name = String(issue.path[0]);
        return `${name}: ${issue.message}${HINTS[name] ?? ''}`;
      });

  const production = given['NODE_ENV'] === 'production';
  for (const [name, what] of production ? REQUIRED_IN_PRODUCTION : []) {
    // Without local accounts this process signs no tokens, so it needs no secret.
    const signsNothing =
      name === 'JWT_SECRET' &&
      given['OIDC_ISSUER'] !== undefined &&
      given['LOCAL_ACCOUNTS_ENABLED'] !== 'true';
    if (given[name] === undefined && !signsNothing) {
      problems.push(`${name}: is required in production: ${what}`);
    }
  }
  if (given['DATABASE_REPLICA_URL'] !== undefined && given['DATABASE_URL'] === undefined) {
    problems.push(
      'DATABASE_URL: is required with DATABASE_REPLICA_URL: the embedded database has no replica',
    );
  }
  problems.push(...oidcProblems(given, production));
  if (!parsed.success || problems.length > 0) throw new ConfigurationError(problems);

  const environment = parsed.data;
  return new AppConfig(environment, {
    encryptionKeys:
      environment.PLATFORM_ENCRYPTION_KEY ??
      developmentSecret(environment.DATA_DIR, ENCRYPTION_KEY_FILE, generateFernetKey),
    jwtSecret:
      environment.JWT_SECRET ??
      (production
        ? randomBytes(48).toString('base64url')
        : developmentSecret(environment.DATA_DIR, 'jwt-secret', () => randomBytes(48).toString('base64url'))),
  });
}

function oidcProblems(given: Readonly<Record<string, string | undefined>>, production: boolean): string[] {
  const { OIDC_ISSUER: issuer, OIDC_AUDIENCE: audience, LOCAL_ACCOUNTS_ENABLED: localAccounts } = given;
  return [
    ...(issuer !== undefined && audience === undefined
      ? ['OIDC_AUDIENCE: is required with OIDC_ISSUER: tokens for other services would be accepted']
      : []),
    ...(issuer === undefined && audience !== undefined
      ? ['OIDC_ISSUER: is required with OIDC_AUDIENCE']
      : []),
    ...(issuer === undefined && localAccounts === 'false'
      ? ['OIDC_ISSUER: is required with LOCAL_ACCOUNTS_ENABLED=false: nobody could sign in']
      : []),
    ...(production && issuer?.toLowerCase().startsWith('http:') === true
      ? ['OIDC_ISSUER: must be an https:// URL in production']
      : []),
  ];
}

/** 32 random bytes in padded url-safe base64, the key format of the Fernet specification. */
function generateFernetKey(): string {
  return `${randomBytes(32).toString('base64url')}=`;
}
