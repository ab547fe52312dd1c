import { describe, expect, it } from '@jest/globals';
import { ConfigurationError, loadConfig } from './load-config.js';

const PASSWORD = 'hunter2hunter2';
const RIGHT = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://db/platforms',
  REDIS_URL: 'redis://cache',
  PLATFORM_ENCRYPTION_KEY: 'cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=',
  JWT_SECRET: 'a-signing-secret-of-enough-characters',
};

// What people get wrong, the name that is to be corrected, and how. Without a value a setting is missing.
const WRONG: [string, Readonly<Record<string, string>>, string, RegExp][] = [
  [
    'a name one letter off',
    { DATABASE_URL: '', DATABSE_URL: `postgres://ada:${PASSWORD}@db/app` },
    'DATABSE_URL',
    /is no setting; DATABASE_URL is$/,
  ],
  ['no database', { DATABASE_URL: '' }, 'DATABASE_URL', /is required in production: a postgres:\/\/ URL$/],
  [
    'another database',
    { DATABASE_URL: `mysql://ada:${PASSWORD}@db/app` },
    'DATABASE_URL',
    /must be a postgres:\/\//,
  ],
  [
    'a stray % in the password',
    { DATABASE_URL: `postgres://ada:${PASSWORD}%zz@db/app` },
    'DATABASE_URL',
    /%25 for %/,
  ],
  [
    'the same in the replica',
    { DATABASE_REPLICA_URL: `postgres://ada:${PASSWORD}%@db/app` },
    'DATABASE_REPLICA_URL',
    /%25 for %/,
  ],
  [
    'an unknown sslmode',
    { DATABASE_URL: `postgres://ada:${PASSWORD}@db/app?sslmode=on` },
    'DATABASE_URL',
    /sslmode of disable, allow,.* verify-full/,
  ],
  [
    'another scheme for Redis',
    { REDIS_URL: `http://:${PASSWORD}@cache` },
    'REDIS_URL',
    /redis:\/\/ or rediss:/,
  ],
  [
    'a key of another form',
    { PLATFORM_ENCRYPTION_KEY: PASSWORD },
    'PLATFORM_ENCRYPTION_KEY',
    /make one with: npm run cli -- keys:generate, or without Node: openssl rand/,
  ],
  [
    'a short secret',
    { JWT_SECRET: PASSWORD },
    'JWT_SECRET',
    /at least 32 characters .*openssl rand -base64 48/,
  ],
  [
    'a placeholder',
    { JWT_SECRET: 'change-me-'.repeat(5) },
    'JWT_SECRET',
    /not random .*openssl rand -base64 48/,
  ],
  [
    'a file that is not there',
    { JWT_SECRET: '', JWT_SECRET_FILE: '/nowhere/secret' },
    'JWT_SECRET_FILE',
    /the file cannot be read \(ENOENT\)$/,
  ],
  [
    'a provider without an audience',
    { OIDC_ISSUER: 'https://id.example.org' },
    'OIDC_AUDIENCE',
    /is required with OIDC_ISSUER/,
  ],
  [
    'a mail server without a sender',
    { SMTP_URL: 'smtps://mail.example.org' },
    'MAIL_FROM',
    /is required with SMTP_URL: the address that messages come from$/,
  ],
  [
    'a sender without a mail server',
    { MAIL_FROM: 'a@example.org' },
    'SMTP_URL',
    /is required with MAIL_FROM$/,
  ],
  ['no port', { PORT: 'abc' }, 'PORT', /must be a TCP port, 0 to 65535; got abc$/],
  ['a pool of one', { DATABASE_POOL_MAX: '1' }, 'DATABASE_POOL_MAX', /between 2 and 500 connections$/],
  [
    'a URL with a path',
    { PUBLIC_URL: 'https://a.example.org/app' },
    'PUBLIC_URL',
    /such as https:.*a path belongs to BASE_PATH$/,
  ],
  [
    'an origin with a path',
    { CORS_ORIGINS: 'https://a.example.org/' },
    'CORS_ORIGINS',
    /such as https:.*without a path/,
  ],
  [
    'yes for true',
    { TRUST_PROXY: 'yes' },
    'TRUST_PROXY',
    /must be true \(one proxy\), false, a number of proxies/,
  ],
  ['a level of another logger', { LOG_LEVEL: 'verbose' }, 'LOG_LEVEL', /"debug"\|"trace"/],
];

describe('a wrong configuration', () => {
  it('has a right one beside it', () => {
    expect(loadConfig(RIGHT).production).toBe(true);
  });

  it.each(WRONG)('with %s is one line that names the setting and the remedy', (_, given, name, remedy) => {
    let message = '';
    try {
      loadConfig({ ...RIGHT, ...given });
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigurationError);
      ({ message } = error as ConfigurationError);
    }
    expect(message).toMatch(new RegExp(`^The configuration is not valid: ${name}: [^\\n]+$`));
    expect(message).toMatch(remedy);
    expect(message).not.toContain(PASSWORD);
  });
});
