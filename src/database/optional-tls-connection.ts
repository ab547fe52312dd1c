import pg from 'pg';

/** What node-postgres' own Connection has, and its types do not. */
interface Internals {
  connect(port: number | string, host?: string): void;
  attachListeners(stream: pg.Connection['stream']): void;
}
const node = pg.Connection.prototype as unknown as Internals;

/** PostgreSQL's answer to the request for TLS: it has none, and expects the ordinary start on the same connection. */
const NO_TLS = 'N';

/** libpq's `sslmode=prefer`, which node-postgres lacks: with TLS if the server has it, otherwise without. */
export class OptionalTlsConnection extends pg.Connection {
  connect(port: number | string, host?: string): void {
    node.connect.call(this, port, host);
    const [onAnswer] = this.stream.rawListeners('data') as ((answer: Buffer) => void)[];
    if (onAnswer === undefined) throw new Error('node-postgres no longer waits for the answer about TLS.');
    this.stream.removeAllListeners('data');
    this.stream.once('data', (answer: Buffer) => {
      if (answer.toString() !== NO_TLS) return onAnswer.call(this.stream, answer);
      node.attachListeners.call(this, this.stream);
      // node-postgres begins the session when it hears this.
      this.emit('sslconnect');
    });
  }
}
