import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { mailSender, smtpTarget } from './mail-target.js';
import { postgresTarget } from './postgres-target.js';
import { redisTarget } from './redis-target.js';

// We write Fernet keys in url-safe base64.
export const MAKE_ENCRYPTION_KEY =
  'make one with: npm run cli -- keys:generate, or without Node: openssl rand -base64 32 | tr +/ -_';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** A whole number of `unit` in decimal digits only: `1e3`, ` 5 ` and `0x10` are treated as typing errors. */
function wholeBetween(unit: string, range: { min: number; max: number }) {
  return z
    .string()
    .regex(/^\d{1,12}$/, `must be a whole number of ${unit}`)
    .transform(Number)
    .refine((value) => value >= range.min && value <= range.max, {
      message: `must be between ${range.min} and ${range.max} ${unit}`,
    });
}

function whole(unit: string, range: { min: number; max: number; fallback: number }) {
  return wholeBetween(unit, range).default(range.fallback);
}

/** Quotes what it refuses, unlike the others, if it is too short to be a secret. */
function tcpPort(min: number) {
  return z.string().transform((text, context) => {
    const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
    if (port >= min && port <= 65_535) return port;
    const got = /^\S{1,10}$/.test(text) ? `; got ${text}` : '';
    context.addIssue({ code: 'custom', message: `must be a TCP port, ${min} to 65535${got}` });
    return z.NEVER;
  });
}

function share(fallback: number) {
  const message = 'must be a share from 0 to 1';
  return z.coerce.number({ message }).min(0, message).max(1, message).default(fallback);
}

function flag(fallback: boolean) {
  return z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .transform((value) => value === 'true')
    .default(fallback);
}

const list = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  )
  .default([]);

/** As `Resolver.setServers` takes them: `192.0.2.1`, `192.0.2.1:5353`, `[2001:db8::1]:5353`. */
function isNameServer(text: string): boolean {
  const [, bracketed, plain] = /^(?:\[([^\]]+)\]|([\d.]+))(?::\d{1,5})?$/.exec(text) ?? [];
  return isIP(bracketed ?? plain ?? text) > 0;
}

function urlWithScheme(schemes: readonly string[]) {
  return (text: string): boolean => URL.canParse(text) && schemes.includes(new URL(text).protocol);
}

// Checks the format only. This module may not import the key ring, which parses the keys when it is built. Python's library
// takes both alphabets, so a key in either may have encrypted somebody's data.
const FERNET_KEY = /^[A-Za-z0-9_+/-]{43}=$/;
const QUOTED = /^b?['"]|['"]$/;

/** The advice to make another key only where there is none yet: with another key the stored data would be lost. */
const encryptionKeys = z.string().superRefine((text, context) => {
  const keys = text.split(',').map((key) => key.trim());
  keys.forEach((key, index) => {
    if (FERNET_KEY.test(key)) return;
    const problem = QUOTED.test(key)
      ? 'must be written without b and quotation marks: the 44 characters between them'
      : `is not a Fernet key: 32 bytes in base64, 44 characters; for a new installation, ${MAKE_ENCRYPTION_KEY}`;
    context.addIssue({ code: 'custom', message: `key ${index + 1} ${problem}` });
  });
  if (new Set(keys.map(keyBytes)).size !== keys.length) {
    context.addIssue({ code: 'custom', message: 'holds the same key twice' });
  }
});

/** The same for every way to write a key. */
export function keyBytes(key: string): string {
  return Buffer.from(key, 'base64url').toString('hex');
}

/** The number or the addresses of our own proxies. Only their entries in X-Forwarded-For are trusted. */
const trustProxy = z
  .string()
  .refine(
    (text) => /^(true|false|[1-9]\d?)$/.test(text) || text.split(',').every((item) => isNetwork(item.trim())),
    {
      message:
        'must be true (one proxy), false, a number of proxies, or addresses and networks such as 10.0.0.0/8',
    },
  )
  .transform((text): boolean | number | string[] => {
    if (text === 'true' || text === 'false') return text === 'true';
    return /^\d+$/.test(text) ? Number(text) : text.split(',').map((item) => item.trim());
  })
  .default(false);

function isNetwork(text: string): boolean {
  const [address = '', bits, more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more !== undefined) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

const oidcIssuer = (text: string): boolean => {
  if (!urlWithScheme(['https:', 'http:'])(text)) return false;
  const { search, hash, username, password } = new URL(text);
  return search === '' && hash === '' && username === '' && password === '' && !/[?#]/.test(text);
};

const corsOrigin = (origin: string): boolean => URL.canParse(origin) && new URL(origin).origin === origin;

/** The environment variables, explained in .env.example. Names end with the unit. An empty value means "not set". */
export const environmentSchema = z.object({
  HOST: z.string().default('0.0.0.0'),
  PORT: tcpPort(0).default(3000),
  NODE_ENV: z.enum(['development', 'production', 'test']).default('development'),
  LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  WORKERS: z
    .string()
    .refine((text) => text === 'auto' || /^[1-9]\d?$/.test(text), 'must be auto, or a number from 1 to 99')
    .transform((text) => (text === 'auto' ? availableParallelism() : Number(text)))
    .default(1),
  DATA_DIR: z.string().default('.data'),
  DOCS_ENABLED: flag(true),
  METRICS_PORT: tcpPort(1).optional(),
  METRICS_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]{16,500}$/, 'must have 16 to 500 visible ASCII characters')
    .optional(),
  CORS_ORIGINS: list.refine((origins) => origins.every(corsOrigin), {
    message: 'must be comma-separated origins such as https://app.example.org, without a path',
  }),
  TRUST_PROXY: trustProxy,

  DATABASE_URL: postgresTarget.optional(),
  DATABASE_DIRECT_URL: postgresTarget.optional(),
  DATABASE_REPLICA_URL: postgresTarget.optional(),
  DATABASE_POOL_MAX: whole('connections', { min: 2, max: 500, fallback: 15 }),
  DATABASE_ACQUIRE_TIMEOUT_MS: whole('milliseconds', { min: 50, max: 60_000, fallback: 5000 }),
  DATABASE_STATEMENT_TIMEOUT_MS: whole('milliseconds', { min: 50, max: 600_000, fallback: 5000 }),

  REDIS_URL: redisTarget.optional(),
  REDIS_SENTINEL_USERNAME: z.string().max(500).optional(),
  REDIS_SENTINEL_PASSWORD: z.string().max(5000).optional(),
  REDIS_COMMAND_TIMEOUT_MS: whole('milliseconds', { min: 5, max: 10_000, fallback: 100 }),

  // No braces: in a cluster a lease must lie in the slot of its key. No wildcards: cache:flush looks for it.
  CACHE_KEY_PREFIX: z
    .string()
    .regex(/^[\w.:-]{0,64}$/, 'must have at most 64 letters, digits, _ . : and -')
    .default(''),
  CACHE_PLATFORM_TTL_SECONDS: whole('seconds', { min: 1, max: 86_400, fallback: 3600 }),
  CACHE_NEEDS_DATABASE: flag(false),
  CACHE_WARM_USERS: whole('users', { min: 0, max: 1_000_000, fallback: 1000 }),
  CACHE_STATS_TTL_SECONDS: whole('seconds', { min: 1, max: 86_400, fallback: 300 }),

  PLATFORM_ENCRYPTION_KEY: encryptionKeys.optional(),
  ALLOW_UNSEALED_ROWS: flag(false),

  JWT_SECRET: z.string().min(32, 'must have at least 32 characters').optional(),
  ACCESS_TOKEN_TTL_SECONDS: whole('seconds', { min: 1, max: 86_400, fallback: 900 }),
  REFRESH_TOKEN_TTL_SECONDS: whole('seconds', { min: 1, max: 31_536_000, fallback: 2_592_000 }),

  OIDC_ISSUER: z
    .string()
    .max(500)
    .refine(oidcIssuer, { message: 'must be an https:// URL without a query' })
    .optional(),
  OIDC_AUDIENCE: z.string().max(500).optional(),
  OIDC_CLIENTS: list,
  OIDC_REQUIRED_SCOPE: z
    .string()
    .regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/, 'must be one scope, without spaces')
    .optional(),

  AUDIT_RETENTION_DAYS: wholeBetween('days', { min: 1, max: 36_500 }).default(730),
  API_KEY_MAX_DAYS: wholeBetween('days', { min: 1, max: 3650 }).optional(),
  LOCAL_ACCOUNTS_ENABLED: flag(true).unwrap().optional(),
  SMTP_URL: smtpTarget.optional(),
  MAIL_FROM: mailSender.optional(),
  REGISTRATION: z
    .enum(['open', 'invite', 'closed'], { error: 'must be open, invite or closed' })
    .default('open'),

  RATE_LIMIT_ENABLED: flag(true),
  RATE_LIMIT_CONNECTIONS_PER_ADDRESS: whole('connections', { min: 1, max: 1_000_000, fallback: 1000 }),
  RATE_LIMIT_ADDRESS_PER_MINUTE: whole('requests', { min: 1, max: 10_000_000, fallback: 3000 }),
  RATE_LIMIT_USER_PER_MINUTE: whole('requests', { min: 1, max: 10_000_000, fallback: 1200 }),
  RATE_LIMIT_STRICT_PER_MINUTE: whole('requests', { min: 1, max: 1_000_000, fallback: 10 }),
  RATE_LIMIT_REVEAL_PER_MINUTE: whole('requests', { min: 1, max: 1_000_000, fallback: 60 }),
  RATE_LIMIT_AVATAR_PER_MINUTE: whole('requests', { min: 1, max: 1_000_000, fallback: 120 }),

  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .string()
    .refine(urlWithScheme(['https:', 'http:']), { message: 'must be an http:// or https:// URL' })
    .optional(),
  OTEL_TRACES_SAMPLER_ARG: share(1),

  EVENTS_MAX_CLIENTS: whole('clients', { min: 0, max: 1_000_000, fallback: 10_000 }),
  EVENTS_MAX_CLIENTS_PER_USER: whole('clients', { min: 1, max: 10_000, fallback: 20 }),

  INSTANCE_HOST_ALLOWLIST: list,
  INSTANCE_TIMEOUT_MS: whole('milliseconds', { min: 50, max: 60_000, fallback: 10_000 }),
  BLUESKY_PLC_URL: z
    .string()
    .refine(urlWithScheme(['https:', 'http:']), 'must be an http:// or https:// URL')
    .default('https://plc.directory'),
  BLUESKY_NAME_SERVERS: list.refine((servers) => servers.every(isNameServer), {
    message: 'must be a comma-separated list of IP addresses, each with a port if it is not 53',
  }),
  REVEAL_ENABLED: flag(true),
  ADMIN_SECOND_FACTOR_REQUIRED: flag(false),
  PROXY_BODY_LIMIT_MIB: whole('MiB', { min: 1, max: 10_000, fallback: 100 }),
  PROXY_INSTANCE_CONCURRENCY: whole('requests', { min: 1, max: 10_000, fallback: 20 }),
  PROXY_INSTANCE_PER_MINUTE: whole('requests', { min: 1, max: 1_000_000, fallback: 1200 }),
  PROXY_AUDIT_READS: share(0.01),
  MCP_ENABLED: flag(false),
  WATCH_ENABLED: flag(true),
  WATCH_INTERVAL_SECONDS: whole('seconds', { min: 60, max: 2_592_000, fallback: 21_600 }),
  WATCH_ROUND_SECONDS: whole('seconds', { min: 1, max: 3600, fallback: 30 }),
  WATCH_CONCURRENCY: whole('instances', { min: 1, max: 100, fallback: 10 }),
  WATCH_SPACING_MS: whole('milliseconds', { min: 1, max: 60_000, fallback: 2000 }),
  BASE_PATH: z
    .string()
    .regex(/^\/(?:[\w.~-]*[\w~-][\w.~-]*\/)*$/, 'must begin and end with a slash, such as /platforms/')
    .default('/'),
  PUBLIC_URL: z
    .string()
    .refine((text) => corsOrigin(text) && /^https?:/.test(text), {
      message: 'must be an origin such as https://platforms.example.org; a path belongs to BASE_PATH',
    })
    .optional(),
});

export type Environment = z.output<typeof environmentSchema>;
