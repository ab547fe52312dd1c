import { readFileSync } from 'node:fs';
import { compileFunction } from 'node:vm';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { type Socket, io } from 'socket.io-client';
import { waitUntil } from '../support/barrier.js';
import type { EventJson } from '../support/event-listener.js';
import { signAccessToken } from '../support/factories.js';
import { FaultDeployment } from '../support/fault-deployment.js';
import type { FaultProcess } from '../support/fault-process.js';
import type { InsertedUser } from '../support/insert-users.js';

const DOCS_URL = 'https://platforms.example.org';

/** The text of the Socket.IO client in docs/events.md. */
function snippet(): string {
  const code = readFileSync('docs/events.md', 'utf8')
    .split('```js\n')
    .find((part) => part.startsWith('import { io }'))
    ?.split('```')[0];
  if (code === undefined || !code.includes(DOCS_URL))
    throw new Error('docs/events.md has no Socket.IO client');
  return code.replace(/^import .*$/m, '');
}

/** Runs the documented client with the functions that it leaves to its reader. */
class DocumentedClient {
  readonly shown: EventJson[] = [];
  /** Milliseconds that it waited before it came back. */
  readonly waits: number[] = [];
  readonly refused: unknown[] = [];
  refreshed = 0;
  readonly socket: Socket;

  constructor(
    baseUrl: string,
    private token: string,
    private readonly newToken: () => Promise<string>,
  ) {
    const given = {
      io: (url: string, options: object) =>
        io(url.replace(DOCS_URL, baseUrl), { ...options, forceNew: true }),
      accessToken: () => this.token,
      refreshToken: async () => {
        this.token = await this.newToken();
        this.refreshed += 1;
      },
      show: (event: EventJson) => this.shown.push(event),
      loadPlatforms: () => undefined,
      setTimeout: (task: () => void, ms: number) => {
        this.waits.push(ms);
        // What it waited is what counts here.
        return setTimeout(task, Math.min(ms, 500));
      },
      console: { error: (text: string) => this.refused.push(text) },
    };
    const run = compileFunction(`${snippet()}\nreturn socket;`, Object.keys(given)) as (
      ...values: unknown[]
    ) => Socket;
    this.socket = run(...Object.values(given));
  }

  until(predicate: () => unknown, what: string): Promise<unknown> {
    return waitUntil(predicate, { timeoutMs: 20_000, what });
  }

  ready(): Promise<unknown> {
    return new Promise((resolve) => this.socket.once('ready', resolve));
  }
}

let deployment: FaultDeployment;
let server: FaultProcess;
let ada: InsertedUser;
const clients: DocumentedClient[] = [];

beforeAll(async () => {
  deployment = await FaultDeployment.start({ EVENTS_MAX_CLIENTS_PER_USER: '1' });
  server = await deployment.startProcess();
}, 120_000);
afterEach(() => {
  for (const { socket } of clients.splice(0)) socket.disconnect();
});
afterAll(() => deployment.remove(), 60_000);

/** A new token of Ada's. */
const sign = (expiresInSeconds: number) => signAccessToken(deployment.backends, ada.id, { expiresInSeconds });

async function connect(token: string): Promise<DocumentedClient> {
  const client = new DocumentedClient(server.api.baseUrl, token, () => sign(900));
  clients.push(client);
  await client.ready();
  return client;
}

async function newUser(): Promise<void> {
  [ada] = (await deployment.insertUsers(1)) as [InsertedUser];
  await deployment.backends.published();
}

const rename = (name: string) =>
  deployment.backends.sql.query('UPDATE platform_connections SET name = $1 WHERE id = $2', [
    name,
    ada.platformId,
  ]);

const names = ({ shown }: DocumentedClient) => shown.map(({ platform }) => platform?.name);

it('the documented client gets a new token when its own expires, and misses nothing', async () => {
  await newUser();
  const client = await connect(await sign(2));
  await client.until(() => client.refreshed === 1, 'a new token');
  await rename('after');
  await client.until(() => client.shown.length === 1, 'the event');
  expect(names(client)).toEqual(['after']);
}, 60_000);

it('also when it expired while the server was away', async () => {
  await newUser();
  const expiry = Date.now() + 4000;
  const client = await connect(await sign(4));
  const gone = new Promise((resolve) => client.socket.once('disconnect', resolve));
  await server.api.kill();
  await gone;
  await rename('missed');
  await waitUntil(() => Date.now() > expiry, { timeoutMs: 10_000, what: 'the token to expire' });
  await server.api.start();
  await client.until(() => client.shown.length === 1, 'what was missed');
  expect([client.refreshed, names(client)]).toEqual([1, ['missed']]);
}, 90_000);

it('waits as long as it is told when there are too many clients (429), and then comes in', async () => {
  await newUser();
  const first = await connect(ada.token);
  const client = new DocumentedClient(server.api.baseUrl, ada.token, () => sign(900));
  clients.push(client);
  await client.until(() => client.waits.length > 0, 'it to be refused');
  expect(client.waits[0]).toBe(30_000);
  const ready = client.ready();
  first.socket.disconnect();
  await ready;
  expect(client.refreshed).toBe(0);
}, 60_000);

it('waits when the database that knows its key is away (503), and then comes in', async () => {
  await newUser();
  const made = await server.request('POST', '/v1/api-keys', ada, { name: 'ear', scopes: ['platforms:read'] });
  const { key } = JSON.parse(made.text) as { key: string };
  await deployment.postgres.kill();
  const client = new DocumentedClient(server.api.baseUrl, key, () => sign(900));
  clients.push(client);
  await client.until(() => client.waits.length > 0, 'it to be refused');
  expect(client.waits[0]).toBeGreaterThanOrEqual(1000);
  const ready = client.ready();
  await deployment.postgres.start();
  await ready;
  expect(client.refreshed).toBe(0);
}, 60_000);

it('stays away when another attempt would end the same', async () => {
  await newUser();
  const made = await server.request('POST', '/v1/api-keys', ada, {
    name: 'deaf',
    scopes: ['activities:write'],
  });
  const { key } = JSON.parse(made.text) as { key: string };
  const client = new DocumentedClient(server.api.baseUrl, key, () => sign(900));
  clients.push(client);
  await client.until(() => client.refused.length > 0, 'it to give up');
  expect([client.refused, client.waits, client.socket.active]).toEqual([['No events: forbidden'], [], false]);
}, 60_000);
