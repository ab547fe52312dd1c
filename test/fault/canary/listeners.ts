import { SocketListener, StreamListener } from '../../support/event-listener.js';
import type { Canary } from './canary.js';

const ACK_TIMEOUT_MS = 2000;

/** Clients of the events, good ones and others, that go on until told to stop; then all that they were told is recorded. */
export async function listen({ app, owner }: Canary): Promise<() => Promise<void>> {
  const { exchanges, secrets } = app.backends;
  const record = (name: string, data: unknown): void => {
    exchanges.push({ method: 'EVENT', path: name, status: 200, headers: {}, text: JSON.stringify(data) });
  };
  const connect = (token: string): SocketListener => new SocketListener(app.baseUrl, { token, exchanges });
  const sockets = [connect(owner.accessToken), connect(secrets.make('socket-token'))];
  const stream = await StreamListener.open(app.baseUrl, { token: owner.accessToken, exchanges });
  return async () => {
    const [good] = sockets;
    const token = secrets.make('replacement');
    await good?.socket
      .timeout(ACK_TIMEOUT_MS)
      .emitWithAck('authenticate', { token })
      .then(
        (answer) => record('authenticate', answer),
        // No answer: it was cut off, as something is down.
        () => undefined,
      );
    for (const socket of sockets) {
      socket.close();
      record('signs', socket.signs);
    }
    await stream.close();
  };
}
