import pg from 'pg';
import { OptionalTlsConnection } from './optional-tls-connection.js';

export interface PoolClientConfig extends pg.ClientConfig {
  /** Goes on without TLS if the server has none. */
  readonly tlsIsOptional?: boolean;
}

/** TypeORM would send the isolation level in a statement of its own: a round trip more for each transaction. */
const BEGIN_OF_TYPEORM = 'START TRANSACTION';
/** The role or the database may have another default, and a pooler may have given us another's session. */
export const BEGIN = 'START TRANSACTION ISOLATION LEVEL READ COMMITTED';

/**
 * node-postgres gives up on a query after `query_timeout` but leaves it on the wire. The connection would go back to the
 * pool, and every later query would queue behind the unanswered one. This client destroys such a connection.
 */
export class PoolClient extends pg.Client {
  constructor(config: PoolClientConfig = {}) {
    super(
      config.tlsIsOptional === true
        ? ({ ...config, connection: new OptionalTlsConnection(config) } as pg.ClientConfig)
        : config,
    );
    const query = this.query.bind(this) as (...parameters: unknown[]) => unknown;
    const abandonOnTimeout = (error: unknown): never => {
      if (error instanceof Error && error.message === 'Query read timeout') this.connection.stream.destroy();
      throw error;
    };
    this.query = ((text: unknown, ...parameters: unknown[]) => {
      const result = query(text === BEGIN_OF_TYPEORM ? BEGIN : text, ...parameters);
      return result instanceof Promise ? result.catch(abandonOnTimeout) : result;
    }) as typeof this.query;
  }
}
