import pg from 'pg';
import { isOutdatedPlan } from './database-errors.js';
import { OptionalTlsConnection } from './optional-tls-connection.js';
import { forgetPrepared, preparedName } from './prepared.js';

export interface PoolClientConfig extends pg.ClientConfig {
  /** Goes on without TLS if the server has none. */
  readonly tlsIsOptional?: boolean;
}

/** TypeORM would send the isolation level in a statement of its own: a round trip more for each transaction. */
const BEGIN_OF_TYPEORM = 'START TRANSACTION';
/** The role or the database may have another default. */
export const BEGIN = 'START TRANSACTION ISOLATION LEVEL READ COMMITTED';

const NOTHING = { rows: [], rowCount: null };

/**
 * node-postgres gives up on a query after `query_timeout` but leaves it on the wire. The connection would go back to the
 * pool, and every later query would queue behind the unanswered one. This client destroys such a connection.
 *
 * A transaction begins when its first statement is sent, in the same round trip.
 *
 * Behind a pooler each transaction may run in another session, so settings go into each transaction; see `poolSession`.
 */
export class PoolClient extends pg.Client {
  /** What the server has called this session in its greeting. */
  declare readonly processID: number;
  #settings: string | null = null;
  /** What begins the transaction that has no statement yet. */
  #begin: string | null = null;

  constructor(config: PoolClientConfig = {}) {
    super({
      ...config,
      // The pool hides it from a spread.
      password: config.password,
      pipeline: true,
      ...(config.tlsIsOptional === true && { connection: new OptionalTlsConnection(config) }),
    } as pg.ClientConfig);
    const query = this.query.bind(this) as (...parameters: unknown[]) => unknown;
    const failed = (error: unknown): never => {
      if (error instanceof Error && error.message === 'Query read timeout') this.destroy();
      if (isOutdatedPlan(error)) forgetPrepared();
      throw error;
    };
    const send = (text: unknown, ...parameters: unknown[]): unknown => {
      // Behind a pooler the next session does not have it.
      const name = this.#settings === null ? preparedName(text) : null;
      const result =
        name === null ? query(text, ...parameters) : query({ name, text, values: parameters[0] });
      return result instanceof Promise ? result.catch(failed) : result;
    };
    this.query = ((text: unknown, ...parameters: unknown[]) => {
      const settings = this.#settings === null ? '' : `; ${this.#settings}`;
      if (text === BEGIN_OF_TYPEORM || text === BEGIN) return this.#later(`${BEGIN}${settings}`);
      const begin = this.#begin;
      if (begin !== null) {
        if (typeof text === 'string' && text.startsWith('SET TRANSACTION '))
          return this.#later(`START${text.slice('SET'.length)}${settings}`);
        const sendsNothing = text === 'COMMIT' || text === 'ROLLBACK';
        this.#begin = null;
        return sendsNothing
          ? Promise.resolve(NOTHING)
          : this.#together(() => [send(begin), send(text, ...parameters)]);
      }
      if (this.#settings === null || this.getTransactionStatus() !== 'I') return send(text, ...parameters);
      return this.#together(() => [send(`${BEGIN}${settings}`), send(text, ...parameters), send('COMMIT')]);
    }) as typeof this.query;
  }

  #later(begin: string): Promise<typeof NOTHING> {
    this.#begin = begin;
    return Promise.resolve(NOTHING);
  }

  /** Sends in one packet. @returns the result of the second. */
  #together(send: () => readonly unknown[]): Promise<unknown> {
    const { stream } = this.connection;
    stream.cork();
    const sent = send();
    // node-postgres does it then for a statement with parameters.
    process.nextTick(() => stream.uncork());
    return resultOf(sent);
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
   * From now on each transaction begins with these settings. A statement that stands alone gets a transaction of its own.
   *
   * @param settings a statement that sets them for one transaction.
   */
  poolSession(settings: string): void {
    this.#settings = settings;
  }
}

/** All are awaited: until the last is answered the connection must not be used for anything else. */
async function resultOf(sent: readonly unknown[]): Promise<unknown> {
  const outcomes = await Promise.allSettled(sent);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  const [, result] = await Promise.all(sent);
  return result;
}
