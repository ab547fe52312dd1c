import pg from 'pg';
import { OptionalTlsConnection } from './optional-tls-connection.js';

export interface PoolClientConfig extends pg.ClientConfig {
  /** Goes on without TLS if the server has none. */
  readonly tlsIsOptional?: boolean;
}

/** TypeORM would send the isolation level in a statement of its own: a round trip more for each transaction. */
const BEGIN_OF_TYPEORM = 'START TRANSACTION';
/** The role or the database may have another default. */
export const BEGIN = 'START TRANSACTION ISOLATION LEVEL READ COMMITTED';

/**
 * node-postgres gives up on a query after `query_timeout` but leaves it on the wire. The connection would go back to the
 * pool, and every later query would queue behind the unanswered one. This client destroys such a connection.
 *
 * Behind a pooler each transaction may run in another session, so settings go into each transaction; see `poolSession`.
 */
export class PoolClient extends pg.Client {
  /** What the server has called this session in its greeting. */
  declare readonly processID: number;
  #settings: string | null = null;

  constructor(config: PoolClientConfig = {}) {
    super(
      config.tlsIsOptional === true
        ? ({ ...config, connection: new OptionalTlsConnection(config) } as pg.ClientConfig)
        : config,
    );
    const query = this.query.bind(this) as (...parameters: unknown[]) => unknown;
    const abandonOnTimeout = (error: unknown): never => {
      if (error instanceof Error && error.message === 'Query read timeout') this.destroy();
      throw error;
    };
    const send = (text: unknown, ...parameters: unknown[]): unknown => {
      const result = query(text, ...parameters);
      return result instanceof Promise ? result.catch(abandonOnTimeout) : result;
    };
    this.query = ((text: unknown, ...parameters: unknown[]) => {
      const begin = this.#settings === null ? BEGIN : `${BEGIN}; ${this.#settings}`;
      if (text === BEGIN_OF_TYPEORM || text === BEGIN) return send(begin);
      if (this.#settings === null) return send(text, ...parameters);
      // May only come before the first query of a transaction, and the settings were one: it begins again.
      if (typeof text === 'string' && text.startsWith('SET TRANSACTION '))
        return send(`ROLLBACK; START${text.slice('SET'.length)}; ${this.#settings}`);
      if (this.getTransactionStatus() !== 'I') return send(text, ...parameters);
      return resultOf([send(begin), send(text, ...parameters), send('COMMIT')]);
    }) as typeof this.query;
  }

  /** Ends the connection at once, whatever runs on it. */
  destroy(): void {
    this.connection.stream.destroy();
  }

  /** Whether a pooler lends its sessions to this connection, perhaps another one for each transaction. */
  get isPooled(): boolean {
    return this.#settings !== null;
  }

  /**
   * From now on each transaction begins with these settings. A statement that stands alone gets a transaction of its own:
   * the three are sent at once, so it takes no longer.
   *
   * @param settings a statement that sets them for one transaction.
   */
  poolSession(settings: string): void {
    this.#settings = settings;
    Object.assign(this, { pipeline: true });
  }
}

/** Of the second of three. All are awaited: until COMMIT is answered the connection must not be used for anything else. */
async function resultOf(sent: readonly unknown[]): Promise<unknown> {
  const outcomes = await Promise.allSettled(sent);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  const [, result] = await Promise.all(sent);
  return result;
}
