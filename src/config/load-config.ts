import { randomBytes } from 'node:crypto';
import { AppConfig, ENCRYPTION_KEY_FILE } from './app-config.js';
import { developmentSecret } from './development-secrets.js';
import { type Environment, MAKE_ENCRYPTION_KEY, environmentSchema, keyBytes } from './environment.js';
import { misspelt } from './misspelt.js';
import { makePrivateFolder } from './private-folder.js';
import { withSecretFiles } from './secret-files.js';
import { isTrivial } from './trivial-secret.js';

/** Lists every missing or invalid setting by name, one a line. Never quotes a value: it may be a secret. */
export class ConfigurationError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(
      problems.length === 1
        ? `The configuration is not valid: ${problems.join()}`
        : `The configuration is not valid:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
    );
    this.name = 'ConfigurationError';
  }
}

const MAKE_JWT_SECRET = 'make one with: openssl rand -base64 48';

const REQUIRED_IN_PRODUCTION = [
  ['DATABASE_URL', 'a postgres:// URL'],
  ['REDIS_URL', 'a redis:// or rediss:// URL'],
  ['PLATFORM_ENCRYPTION_KEY', `a Fernet key; ${MAKE_ENCRYPTION_KEY}`],
  ['JWT_SECRET', `at least 32 characters, or OIDC_ISSUER; ${MAKE_JWT_SECRET}`],
] as const;

const HINTS: Readonly<Record<string, string>> = {
  JWT_SECRET: ` (${MAKE_JWT_SECRET})`,
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
  const problems: string[] = [];
  const set = Object.entries(source).filter(([, value]) => value !== undefined && value !== '');
  const given = withSecretFiles(Object.fromEntries(set), problems);
  problems.push(...misspelt(given, Object.keys(environmentSchema.shape)));
  const parsed = environmentSchema.safeParse(given);
  for (const { path, message } of parsed.error?.issues ?? []) {
    const name = String(path[0]);
    problems.push(`${name}: ${message}${HINTS[name] ?? ''}`);
  }
  const production = given['NODE_ENV'] === 'production';
  if (production) problems.push(...missingProblems(given, problems), ...trivialProblems(given));
  if (given['DATABASE_URL'] === undefined) problems.push(...embeddedProblems(given));
  problems.push(...workersProblems(given));
  problems.push(...mailProblems(given));
  problems.push(...oidcProblems(given, production));
  if (!parsed.success || problems.length > 0) throw new ConfigurationError(problems);

  const environment = parsed.data;
  const { DATA_DIR, PLATFORM_ENCRYPTION_KEY, JWT_SECRET } = environment;
  if ([PLATFORM_ENCRYPTION_KEY, JWT_SECRET].includes(undefined) && !production) {
    try {
      makePrivateFolder(DATA_DIR);
    } catch (error) {
      const { code = 'unknown error' } = (error as Error).cause as NodeJS.ErrnoException;
      throw new ConfigurationError([`DATA_DIR: cannot be made a folder of mode 0700 (${code})`]);
    }
  }
  const secrets = {
    encryptionKeys:
      PLATFORM_ENCRYPTION_KEY ?? developmentSecret(DATA_DIR, ENCRYPTION_KEY_FILE, generateFernetKey),
    jwtSecret:
      JWT_SECRET ??
      (production
        ? randomBytes(48).toString('base64url')
        : developmentSecret(DATA_DIR, 'jwt-secret', () => randomBytes(48).toString('base64url'))),
  };
  return new AppConfig(environment, secrets, production ? unsafeSettings(given, environment) : []);
}

type Settings = Readonly<Record<string, string | undefined>>;

/** @param reported problems of names one letter off and of unreadable files: what they would have set is not missing as well. */
function missingProblems(given: Settings, reported: readonly string[]): string[] {
  // Without local accounts this process signs no tokens, so it needs no secret.
  const signsNothing = given['OIDC_ISSUER'] !== undefined && given['LOCAL_ACCOUNTS_ENABLED'] !== 'true';
  return REQUIRED_IN_PRODUCTION.filter(
    ([name]) =>
      given[name] === undefined &&
      !(name === 'JWT_SECRET' && signsNothing) &&
      !reported.some((problem) => new RegExp(`^${name}_FILE:|; ${name}(_FILE)? is$`).test(problem)),
  ).map(([name, what]) => `${name}: is required in production: ${what}`);
}

/** Settings of a server that is not there. */
function embeddedProblems(given: Settings): string[] {
  return [
    ['DATABASE_REPLICA_URL', 'has no replica'],
    ['DATABASE_DIRECT_URL', 'is reached one way only'],
  ].flatMap(([name = '', why]) =>
    given[name] === undefined ? [] : [`DATABASE_URL: is required with ${name}: the embedded database ${why}`],
  );
}

/** `auto` is one process there. */
function workersProblems({
  WORKERS: workers = 'auto',
  DATABASE_URL: database,
  REDIS_URL: redis,
}: Settings): string[] {
  if (/^(auto|1)$/.test(workers) || (database !== undefined && redis !== undefined)) return [];
  return ['WORKERS: more than one process needs DATABASE_URL and REDIS_URL'];
}

function mailProblems({ SMTP_URL: url, MAIL_FROM: from, DATABASE_URL: database }: Settings): string[] {
  if (url !== undefined && from === undefined)
    return ['MAIL_FROM: is required with SMTP_URL: the address that messages come from'];
  // The embedded start writes messages to files.
  if (url === undefined && from !== undefined && database !== undefined)
    return ['SMTP_URL: is required with MAIL_FROM'];
  return [];
}

/** Secrets from an example, or typed as a placeholder. What is too short for a secret is another problem. */
function trivialProblems({
  PLATFORM_ENCRYPTION_KEY: keys = '',
  JWT_SECRET: jwtSecret = '',
}: Settings): string[] {
  const all = keys.split(',').map((key) => key.trim());
  const trivial = all.findIndex((key) => key.length === 44 && isTrivial(key.slice(0, -1)));
  const problems = [];
  if (trivial !== -1)
    problems.push(`PLATFORM_ENCRYPTION_KEY: key ${trivial + 1} is not random (${MAKE_ENCRYPTION_KEY})`);
  if (jwtSecret.length >= 32 && isTrivial(jwtSecret))
    problems.push(`JWT_SECRET: is not random${HINTS['JWT_SECRET'] ?? ''}`);
  if (jwtSecret !== '' && all.map(keyBytes).includes(keyBytes(jwtSecret)))
    problems.push('JWT_SECRET: must not be an encryption key too');
  return problems;
}

/** What goes over a network in plain text, or to a server that nobody has verified. */
function unsafeSettings(given: Settings, environment: Environment): string[] {
  const plain = (name: string, schemes: readonly string[]): boolean =>
    (given[name] ?? '').split(',').some((text) => {
      const url = URL.canParse(text.trim()) ? new URL(text.trim()) : null;
      return url !== null && schemes.includes(url.protocol) && !isHere(url.hostname);
    });
  return [
    ...(['DATABASE_URL', 'DATABASE_DIRECT_URL', 'DATABASE_REPLICA_URL'] as const).flatMap((name) => {
      const { tls = 'verified', local = false } = environment[name] ?? {};
      if (tls === 'verified' || local) return [];
      return tls === 'unverified'
        ? [`${name}: the server's certificate is not verified; use sslmode=verify-full`]
        : [`${name}: the connection is not encrypted; add ?sslmode=verify-full`];
    }),
    ...(plain('REDIS_URL', ['redis:', 'redis+sentinel:'])
      ? ['REDIS_URL: the connection is not encrypted; use rediss://']
      : []),
    ...(environment.SMTP_URL?.tls === 'optional' && !isHere(environment.SMTP_URL.host)
      ? ['SMTP_URL: messages may go without encryption; leave starttls=optional out']
      : []),
    ...(plain('PUBLIC_URL', ['http:'])
      ? ['PUBLIC_URL: people sign in without encryption; use https://']
      : []),
  ];
}

const isHere = (hostname: string): boolean => /^(localhost|127\.[\d.]+|\[::1\]|)$/.test(hostname);

function oidcProblems(given: Settings, production: boolean): string[] {
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
