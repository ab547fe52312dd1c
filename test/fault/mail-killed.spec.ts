import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Backends } from '../support/backends.js';
import { waitUntil } from '../support/barrier.js';
import { expectCleanRecord } from '../support/clean-record.js';
import { register } from '../support/factories.js';
import { HttpClient } from '../support/http-client.js';
import { MailServer } from '../support/mail-server.js';
import { startApi } from '../support/servers/api-process.js';

let backends: Backends;
let mails: MailServer;
/** Takes connections and never says a word, so a letter is under way for as long as its process lives. */
let silent: Server;
const sockets = new Set<Socket>();

beforeAll(async () => {
  backends = await Backends.create();
  mails = await MailServer.start();
  silent = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  silent.close();
  await mails.close();
  await backends.remove();
});

it('sends what a process has committed and not sent when it was killed', async () => {
  const { port } = silent.address() as AddressInfo;
  const env = { ...backends.env(), ...mails.env() };
  const first = await startApi({ env: { ...env, SMTP_URL: `smtp://127.0.0.1:${port}?starttls=optional` } });
  backends.logs.push(() => first.output);
  const client = new HttpClient(first.baseUrl, backends.exchanges, backends.secrets);
  const person = await register(client, backends.secrets);
  await backends.rows('UPDATE users SET email_verified_at = now() WHERE id = $1', [person.id]);
  const names = Array.from({ length: 10 }, (_, n) => `Worker number ${n + 1}.`);
  for (const name of names) {
    const made = await person.client.post('/v1/api-keys', { name, scopes: ['platforms:read'] });
    expect(made.status).toBe(201);
    // The first letter is under way, and what follows waits behind it.
    await waitUntil(() => sockets.size > 0, { timeoutMs: 20_000, what: 'a letter under way' });
  }
  await first.kill();
  expect(mails.received).toEqual([]);
  // As if the lease of the letter that was under way were over.
  await backends.rows('UPDATE mails SET due_at = now() WHERE attempts > 0 AND done_at IS NULL');

  const second = await startApi({ env });
  backends.logs.push(() => second.output);
  try {
    const letters = (): string =>
      mails
        .to(person.email)
        .map(({ source }) => source)
        .join('\n');
    await waitUntil(() => names.every((name) => letters().includes(name)), {
      timeoutMs: 30_000,
      what: 'each key to be told of',
    });
    await waitUntil(
      async () => (await backends.rows('SELECT 1 FROM mails WHERE done_at IS NULL')).length === 0,
      { timeoutMs: 20_000, what: 'nothing to wait any more' },
    );
    await expectCleanRecord({
      backends,
      client: new HttpClient(second.baseUrl, backends.exchanges, backends.secrets),
    });
  } finally {
    await second.stop();
  }
}, 180_000);
