import pg from 'pg';

/**
 * node-postgres gives up on a query after `query_timeout` but leaves it on the wire. The connection would go back to the
 * pool, and every later query would queue behind the unanswered one. This client destroys such a connection.
 */
export class PoolClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    const query = this.query.bind(this) as (...parameters: unknown[]) => unknown;
    const abandonOnTimeout = (error: unknown): never => {
      if (error instanceof Error && error.message === 'Query read timeout') this.connection.stream.destroy();
      throw error;
    };
    this.query = ((...parameters: unknown[]) => {
      const result = query(...parameters);
      return result instanceof Promise ? result.catch(abandonOnTimeout) : result;
    }) as typeof this.query;
  }
}
