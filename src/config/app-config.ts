import { join } from 'node:path';
import type { Environment } from './environment.js';
import type { SmtpTarget } from './mail-target.js';
import type { PostgresTarget } from './postgres-target.js';
import { type RedisTarget, withSentinelLogin } from './redis-target.js';

/** File name, in `DATA_DIR`. */
export const ENCRYPTION_KEY_FILE = 'platform-encryption-key';

/** `postgres` is a server reached by its URL. `embedded` is PGlite in this process, with its files in `dataDir`. */
type DatabaseTarget =
  ({ readonly kind: 'postgres' } & PostgresTarget) | { readonly kind: 'embedded'; readonly dataDir: string };

/** `files`: each message becomes a file in `folder`, for the embedded start. */
export type MailTarget =
  ({ readonly kind: 'smtp' } & SmtpTarget) | { readonly kind: 'files'; readonly folder: string };

/** The typed configuration, validated once at start. Injected by class; nothing else reads `process.env`. */
export class AppConfig {
  readonly production: boolean;
  readonly host: string;
  readonly port: number;
  readonly logLevel: Environment['LOG_LEVEL'];
  readonly dataDir: string;
  /** Processes that serve one port. One, where database or cache are inside the process. */
  readonly workers: number;
  /** Swagger UI and the OpenAPI document. */
  readonly docsEnabled: boolean;
  /** What `GET /metrics` needs as bearer token; null lets anybody read it. */
  readonly metricsToken: string | null;
  /** Where `GET /metrics` is instead of on the API's port. */
  readonly metricsPort: number | null;
  readonly corsOrigins: readonly string[];
  /** Trusted proxies in front of this process: whether there is one, how many, or their addresses. */
  readonly trustProxy: boolean | number | string[];

  readonly database: {
    readonly target: DatabaseTarget;
    /** What needs a session of its own goes here: migrations and the relay. The target itself, unless it is a pooler. */
    readonly direct: DatabaseTarget;
    /** For reads that may lag behind the primary: the administrators' search. */
    readonly replica: PostgresTarget | null;
    /** Connections in the pool. PGlite has one. */
    readonly poolMax: number;
    readonly acquireTimeoutMs: number;
    readonly statementTimeoutMs: number;
  };

  readonly redis: {
    readonly target: RedisTarget;
    readonly commandTimeoutMs: number;
    /** Before each key, so that several installations can share a Redis. */
    readonly keyPrefix: string;
  } | null;

  readonly cache: {
    readonly platformTtlSeconds: number;
    readonly statsTtlSeconds: number;
    /** Whether cached values are read only while the database answers. */
    readonly needsDatabase: boolean;
    /** Number of users whose entries are loaded after a start, most recently active first. 0 turns it off. */
    readonly warmUsers: number;
  };

  /** Fernet keys, comma-separated, newest first. */
  readonly encryptionKeys: string;

  /** Rows without a seal are accepted. Only for the time between an import and credentials:seal. */
  readonly allowUnsealedRows: boolean;

  readonly tokens: {
    readonly jwtSecret: string;
    readonly accessTtlSeconds: number;
    readonly refreshTtlSeconds: number;
  };

  /** The OpenID provider whose access tokens are accepted. */
  readonly oidc: {
    readonly issuer: string;
    readonly audience: string;
    /** Programs of the provider whose tokens are accepted; empty for all. */
    readonly clients: ReadonlySet<string>;
    readonly requiredScope: string | null;
  } | null;

  /** The longest life of an API key. Null: keys need not expire. */
  readonly apiKeyMaxDays: number | null;

  /** After which entries of the audit trail are removed. */
  readonly auditRetentionDays: number;

  /** Whether users can register and log in here, not only with the OpenID provider. */
  readonly localAccountsEnabled: boolean;

  /** Whether administrators without a second factor are refused what only administrators may do. */
  readonly adminSecondFactorRequired: boolean;

  /** Whether people may create an account themselves. */
  readonly registration: Environment['REGISTRATION'];

  /** How messages to people leave, and the sender that they name. Null: this server sends none. */
  readonly mail: { readonly target: MailTarget; readonly from: string } | null;

  /** Requests a minute, and connections at the same time. */
  readonly rateLimits: {
    readonly enabled: boolean;
    readonly connectionsPerAddress: number;
    readonly addressPerMinute: number;
    readonly userPerMinute: number;
    readonly strictPerMinute: number;
    readonly revealPerMinute: number;
    readonly avatarPerMinute: number;
  };

  /** Where spans are sent, and the share of traces that is recorded, 0 to 1. Null turns tracing off. */
  readonly tracing: { readonly endpoint: string; readonly ratio: number } | null;

  /** Limits on event clients connected to this process at the same time. */
  readonly events: { readonly maxClients: number; readonly maxClientsPerUser: number };

  /** `host` or `host:port` entries that may be private and may use plain http. */
  readonly instanceHostAllowlist: ReadonlySet<string>;

  /** The directory of `did:plc` identities, and the name servers for handles; without any, the system's. */
  readonly bluesky: { readonly plcUrl: string; readonly nameServers: readonly string[] };

  /** Covers a whole exchange with an instance. */
  readonly instanceTimeoutMs: number;

  /** Whether credentials may be revealed at all. */
  readonly revealEnabled: boolean;
  readonly mcpEnabled: boolean;

  /** Requests that are sent on to instances. */
  readonly proxy: {
    /** Of a request or an answer. */
    readonly bodyLimitBytes: number;
    /** To one instance, of all users and processes: at the same time, and a minute. */
    readonly instanceConcurrency: number;
    readonly instancePerMinute: number;
    /** Share of the reads that the audit trail records. It records each write. */
    readonly auditReads: number;
  };

  /** Background checks of platform connections. */
  readonly watch: {
    readonly enabled: boolean;
    /** Time between two checks of the same connection. */
    readonly intervalSeconds: number;
    /** Time between two searches for checks that are due. */
    readonly roundSeconds: number;
    /** Instances that this process visits at the same time. */
    readonly concurrency: number;
    /** Time between two checks at the same instance. */
    readonly spacingMs: number;
  };

  /** Before the path of every URL that clients see: empty, or a path such as `/platforms`. */
  readonly basePath: string;

  /** The origin under which browsers reach this process. */
  readonly publicOrigin: string;

  /** The origin with the base path. Instances redirect users back to it. */
  readonly publicUrl: string;

  /** File of the encryption key that was generated because none is set. Null if one is set. */
  readonly generatedKeyFile: string | null;

  /** What is allowed and still unsafe in production, each by the name of its setting. */
  readonly warnings: readonly string[];

  constructor(
    environment: Environment,
    secrets: { encryptionKeys: string; jwtSecret: string },
    warnings: readonly string[] = [],
  ) {
    this.warnings = warnings;
    this.production = environment.NODE_ENV === 'production';
    this.host = environment.HOST;
    this.port = environment.PORT;
    this.logLevel = environment.LOG_LEVEL;
    this.dataDir = environment.DATA_DIR;
    this.workers = environment.DATABASE_URL && environment.REDIS_URL ? environment.WORKERS : 1;
    this.docsEnabled = environment.DOCS_ENABLED;
    this.metricsToken = environment.METRICS_TOKEN ?? null;
    this.metricsPort = environment.METRICS_PORT ?? null;
    this.corsOrigins = environment.CORS_ORIGINS;
    this.trustProxy = environment.TRUST_PROXY;
    const target: DatabaseTarget = environment.DATABASE_URL
      ? { kind: 'postgres', ...environment.DATABASE_URL }
      : { kind: 'embedded', dataDir: environment.DATA_DIR };
    this.database = {
      target,
      direct: environment.DATABASE_DIRECT_URL
        ? { kind: 'postgres', ...environment.DATABASE_DIRECT_URL }
        : target,
      replica: environment.DATABASE_REPLICA_URL ?? null,
      poolMax: environment.DATABASE_URL ? environment.DATABASE_POOL_MAX : 1,
      acquireTimeoutMs: environment.DATABASE_ACQUIRE_TIMEOUT_MS,
      statementTimeoutMs: environment.DATABASE_STATEMENT_TIMEOUT_MS,
    };
    this.redis = environment.REDIS_URL
      ? {
          target: withSentinelLogin(
            environment.REDIS_URL,
            environment.REDIS_SENTINEL_USERNAME,
            environment.REDIS_SENTINEL_PASSWORD,
          ),
          commandTimeoutMs: environment.REDIS_COMMAND_TIMEOUT_MS,
          keyPrefix: environment.CACHE_KEY_PREFIX,
        }
      : null;
    this.cache = {
      platformTtlSeconds: environment.CACHE_PLATFORM_TTL_SECONDS,
      statsTtlSeconds: environment.CACHE_STATS_TTL_SECONDS,
      needsDatabase: environment.CACHE_NEEDS_DATABASE,
      warmUsers: environment.CACHE_WARM_USERS,
    };
    this.encryptionKeys = secrets.encryptionKeys;
    this.generatedKeyFile =
      environment.PLATFORM_ENCRYPTION_KEY === undefined
        ? join(environment.DATA_DIR, ENCRYPTION_KEY_FILE)
        : null;
    this.allowUnsealedRows = environment.ALLOW_UNSEALED_ROWS;
    this.tokens = {
      jwtSecret: secrets.jwtSecret,
      accessTtlSeconds: environment.ACCESS_TOKEN_TTL_SECONDS,
      refreshTtlSeconds: environment.REFRESH_TOKEN_TTL_SECONDS,
    };
    this.oidc = environment.OIDC_ISSUER
      ? {
          issuer: environment.OIDC_ISSUER,
          audience: environment.OIDC_AUDIENCE ?? '',
          clients: new Set(environment.OIDC_CLIENTS),
          requiredScope: environment.OIDC_REQUIRED_SCOPE ?? null,
        }
      : null;
    this.auditRetentionDays = environment.AUDIT_RETENTION_DAYS;
    this.apiKeyMaxDays = environment.API_KEY_MAX_DAYS ?? null;
    this.localAccountsEnabled =
      environment.LOCAL_ACCOUNTS_ENABLED ??
      (!this.production || this.oidc === null || environment.JWT_SECRET !== undefined);
    this.adminSecondFactorRequired = environment.ADMIN_SECOND_FACTOR_REQUIRED;
    this.registration = environment.REGISTRATION;
    this.mail = mailOf(environment);
    this.rateLimits = {
      enabled: environment.RATE_LIMIT_ENABLED,
      connectionsPerAddress: environment.RATE_LIMIT_CONNECTIONS_PER_ADDRESS,
      addressPerMinute: environment.RATE_LIMIT_ADDRESS_PER_MINUTE,
      userPerMinute: environment.RATE_LIMIT_USER_PER_MINUTE,
      strictPerMinute: environment.RATE_LIMIT_STRICT_PER_MINUTE,
      revealPerMinute: environment.RATE_LIMIT_REVEAL_PER_MINUTE,
      avatarPerMinute: environment.RATE_LIMIT_AVATAR_PER_MINUTE,
    };
    this.tracing = environment.OTEL_EXPORTER_OTLP_ENDPOINT
      ? { endpoint: environment.OTEL_EXPORTER_OTLP_ENDPOINT, ratio: environment.OTEL_TRACES_SAMPLER_ARG }
      : null;
    this.events = {
      maxClients: environment.EVENTS_MAX_CLIENTS,
      maxClientsPerUser: environment.EVENTS_MAX_CLIENTS_PER_USER,
    };
    this.instanceHostAllowlist = new Set(
      environment.INSTANCE_HOST_ALLOWLIST.map((host) => host.toLowerCase()),
    );
    this.bluesky = { plcUrl: environment.BLUESKY_PLC_URL, nameServers: environment.BLUESKY_NAME_SERVERS };
    this.instanceTimeoutMs = environment.INSTANCE_TIMEOUT_MS;
    this.revealEnabled = environment.REVEAL_ENABLED;
    this.mcpEnabled = environment.MCP_ENABLED;
    this.proxy = {
      bodyLimitBytes: environment.PROXY_BODY_LIMIT_MIB * 1024 ** 2,
      instanceConcurrency: environment.PROXY_INSTANCE_CONCURRENCY,
      instancePerMinute: environment.PROXY_INSTANCE_PER_MINUTE,
      auditReads: environment.PROXY_AUDIT_READS,
    };
    this.watch = {
      enabled: environment.WATCH_ENABLED,
      intervalSeconds: environment.WATCH_INTERVAL_SECONDS,
      roundSeconds: environment.WATCH_ROUND_SECONDS,
      concurrency: environment.WATCH_CONCURRENCY,
      spacingMs: environment.WATCH_SPACING_MS,
    };
    this.basePath = environment.BASE_PATH.slice(0, -1);
    this.publicOrigin = environment.PUBLIC_URL ?? `http://localhost:${environment.PORT}`;
    this.publicUrl = this.publicOrigin + this.basePath;
  }
}

function mailOf({ SMTP_URL, MAIL_FROM, DATABASE_URL, DATA_DIR }: Environment): AppConfig['mail'] {
  if (SMTP_URL !== undefined && MAIL_FROM !== undefined)
    return { target: { kind: 'smtp', ...SMTP_URL }, from: MAIL_FROM };
  if (DATABASE_URL !== undefined) return null;
  return {
    target: { kind: 'files', folder: join(DATA_DIR, 'mail') },
    from: MAIL_FROM ?? 'Platform Manager <platform-manager@localhost>',
  };
}
