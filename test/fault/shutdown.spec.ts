import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { ended, waitUntil } from '../support/barrier.js';
import { FaultDeployment } from '../support/fault-deployment.js';
import type { FaultProcess } from '../support/fault-process.js';
import type { InsertedUser } from '../support/insert-users.js';

let deployment: FaultDeployment;
let api: FaultProcess;

beforeAll(async () => {
  deployment = await FaultDeployment.start();
  api = await deployment.startProcess();
}, 90_000);
afterAll(() => deployment.remove(), 30_000);

const isRefused = async (): Promise<boolean> => (await api.get('/health/live')).status === 0;

it('SIGTERM: what runs is finished, what comes after it on the same connection is answered and the connection closed, and the process ends with 0', async () => {
  const [user] = (await deployment.insertUsers(1)) as [InsertedUser];
  const locker = await deployment.backends.sql.connect();
  const socket = connect(api.api.port, '127.0.0.1');
  let received = '';
  socket.setEncoding('utf8').on('data', (text: string) => (received += text));
  const send = (path: string): boolean =>
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${user.token}\r\n\r\n`);
  try {
    await locker.query('BEGIN');
    await locker.query('LOCK TABLE platform_connections IN ACCESS EXCLUSIVE MODE');
    send('/v1/platforms');
    await waitUntil(
      () =>
        deployment.backends
          .rows(
            `SELECT 1 FROM pg_stat_activity WHERE application_name = 'platform-manager' AND wait_event_type = 'Lock'`,
          )
          .then(({ length }) => length > 0),
      { timeoutMs: 3000, what: 'the request to wait for the lock' },
    );
    const exited = api.api.stop();
    await waitUntil(isRefused, { timeoutMs: 3000, what: 'the process to refuse connections' });
    send(`/v1/platforms/${user.platformId}`);
    await locker.query('ROLLBACK');
    await once(socket, 'close');
    expect(await exited).toBe(0);
  } finally {
    await locker.query('ROLLBACK');
    locker.release();
    socket.destroy();
  }
  expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200']);
  expect(received.match(/^connection: close/gim)).toHaveLength(1);
}, 60_000);

it('SIGTERM: connections on which nothing, half a head or half a body was sent hold nothing up', async () => {
  const process = await deployment.startProcess();
  const body = 'Host: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"email":';
  const unfinished = ['', 'GET /v1/platforms HT', `POST /v1/auth/login HTTP/1.1\r\n${body}`];
  const sockets = unfinished.map(() => connect(process.api.port, '127.0.0.1'));
  try {
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    for (const [n, text] of unfinished.entries()) sockets[n]?.write(text);
    const allEnded = Promise.all(sockets.map(ended));
    // By itself it would stay: stop() kills what has not ended by then, and that is no exit code.
    expect(await process.api.stop(20_000)).toBe(0);
    await allEnded;
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}, 60_000);
