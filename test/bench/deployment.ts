import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Backends, IMPATIENT_WITH_REDIS } from '../support/backends.js';
import { type InsertedUser, insertUsers } from '../support/insert-users.js';
import { type ApiProcess, startApi } from '../support/servers/api-process.js';
import { type PostgresServer, startPostgres } from '../support/servers/postgres.js';
import { type RedisServer, startRedis } from '../support/servers/redis.js';
import { StatementCounter } from '../support/statements.js';

const TSX = createRequire(import.meta.url).resolve('tsx');
export const PLATFORMS_PER_USER = 3;
/** Counted, and never reached. */
export const LIMITED = {
  RATE_LIMIT_ENABLED: 'true',
  RATE_LIMIT_ADDRESS_PER_MINUTE: '10000000',
  RATE_LIMIT_USER_PER_MINUTE: '10000000',
};
/** What no Redis listens on: every read goes to the database. */
export const CACHE_OFF = { REDIS_URL: 'redis://127.0.0.1:1' };

/** What a write of a connection sends between BEGIN and COMMIT; the relay, which works for several at once, sends no such. */
const WRITES = 'advisory|select distinct user_id|platform_connections|nextval|audit_chain';
/** SELECTs of the list of a user. */
const LISTS = '^\\s*select\\M.*\\mfrom\\M\\s+"?platform_connections.*"is_active" = ';
export const DRAINED_MS = 120_000;

export interface Statements {
  readonly all: number;
  /** SELECTs of the list of a user: what a read costs. A writer has others, with and without the cache. */
  readonly lists: number;
  /** Of writes of connections. */
  readonly writes: number;
}

/** Servers, users and processes of one bench run, all on loopback. */
export class Deployment {
  readonly #processes: ApiProcess[] = [];
  /** Of this build. */
  readonly apps: ApiProcess[] = [];

  private constructor(
    private readonly postgres: PostgresServer,
    readonly redis: RedisServer,
    readonly backends: Backends,
    private readonly statements: StatementCounter,
  ) {}

  /** @param settings of PostgreSQL. */
  static async start(settings: Readonly<Record<string, string>> = {}): Promise<Deployment> {
    const [postgres, redis] = await Promise.all([startPostgres({ settings }), startRedis()]);
    const backends = await Backends.create({ postgresUrl: postgres.url(), redisUrl: redis.url() });
    return new Deployment(postgres, redis, backends, await StatementCounter.install(backends));
  }

  /** Platform Manager itself, as it is built in dist/, or in that of another checkout. */
  async startApp(env: Readonly<Record<string, string>> = {}, build?: string): Promise<ApiProcess> {
    const api = await startApi({
      ...(build !== undefined && { entry: resolve(build, 'dist/main.js') }),
      env: {
        ...this.backends.env(),
        NODE_ENV: 'production',
        LOG_LEVEL: 'warn',
        ...IMPATIENT_WITH_REDIS,
        ...env,
      },
    });
    this.#processes.push(api);
    if (build === undefined) this.apps.push(api);
    return api;
  }

  async startContestant(file: string, env: Readonly<Record<string, string>>): Promise<ApiProcess> {
    const api = await startApi({
      entry: fileURLToPath(new URL(`./contestants/${file}`, import.meta.url)),
      env: { NODE_OPTIONS: `--import=${TSX}`, NODE_ENV: 'production', REDIS_URL: this.redis.url(), ...env },
    });
    this.#processes.push(api);
    return api;
  }

  /**
   * Users with sealed connections. Needs a process that runs: the invalidations of the new rows are waited for, else they
   * would be drops in the middle of what is counted.
   */
  async addUsers(count: number, connections = PLATFORMS_PER_USER): Promise<InsertedUser[]> {
    const users = await this.insertUsers(count, connections);
    await this.backends.settled(DRAINED_MS);
    return users;
  }

  async insertUsers(count: number, connections = PLATFORMS_PER_USER): Promise<InsertedUser[]> {
    const app = { clientId: 'key', clientSecret: 'secret' };
    const own = { username: 'somebody', app };
    const users = await insertUsers(this.backends, count, { connections, own });
    // For reveals, which need a sign-in of the last ten minutes, until the end.
    await this.backends.rows(`UPDATE sessions SET confirmed_at = now() + interval '1 day'`);
    return users;
  }

  /** Statements of the API since `work` began, as the database counted them. */
  async countStatements(work: () => Promise<void>): Promise<Statements> {
    await this.statements.reset();
    await work();
    const [all, lists, writes] = await Promise.all(
      ['', LISTS, WRITES].map((of) => this.statements.calls(of)),
    );
    return { all: all ?? 0, lists: lists ?? 0, writes: writes ?? 0 };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.stop()));
    await this.backends.close();
    await Promise.all([this.postgres.remove(), this.redis.remove()]);
  }
}
