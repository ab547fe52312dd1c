import { expect } from '@jest/globals';
import type { Backends } from './backends.js';
import { waitUntil } from './barrier.js';
import type { Recorded } from './clean-record.js';
import { createPlatform, platformInput, register } from './factories.js';
import type { Exchange } from './http-client.js';
import type { RawRedis } from './raw-redis.js';
import { withoutOwnSecrets } from './secret-answers.js';
import type { Secrets } from './secrets.js';

interface Place {
  readonly where: string;
  readonly text: string;
}

/** What was seen of the processes of a test. */
export interface Seen {
  readonly secrets: Secrets;
  readonly exchanges: readonly Exchange[];
  /** The log or the output of each process. */
  readonly logs: readonly (() => readonly string[])[];
  recordIsChecked?(): void;
}

/** More rows of one table than any test makes, except the one about growth. Bounds the memory of the search. */
const MAX_ROWS = 100_000;

/** Searches every log line and every answer for the plain secrets that were used. For servers that may be gone by then. */
export function expectNoneSeen(seen: Seen): void {
  seen.recordIsChecked?.();
  const { secrets, exchanges, logs } = seen;
  expect(logs.length).toBeGreaterThan(0);
  const lines = logs.flatMap((read) => read().map((text) => ({ where: 'log', text })));
  expectNone(secrets, [...lines, ...exchanges.map(answerOf)]);
}

/**
 * Searches every log line, answer, Redis entry and database row for the plain secrets that were used. So that finding
 * none means something, a connection is made first that must be found in each place, with its ciphertexts.
 */
export async function expectNoSecrets(app: Recorded): Promise<void> {
  const { backends } = app;
  backends.recordIsChecked();
  const witness = await makeWitness(app);
  const isLogged = (): boolean =>
    backends.logs.some((lines) => lines().some((text) => text.includes(witness.requestId)));
  // The log of another process comes through a pipe, often after its answer.
  await waitUntil(isLogged, { timeoutMs: 10_000, what: 'the log line of the last request' });
  const places = {
    log: backends.logs.flatMap((lines) => lines().map((text) => ({ where: 'log', text }))),
    answers: backends.exchanges.map(answerOf),
    redis: await dumpRedis(backends.redis),
    database: await dumpDatabase(backends),
  };

  for (const place of ['answers', 'redis', 'database'] as const) {
    expect({ place, witness: places[place].some(({ text }) => text.includes(witness.name)) }).toEqual({
      place,
      witness: true,
    });
  }
  expect(backends.secrets.size).toBeGreaterThan(3);

  expectNone(backends.secrets, Object.values(places).flat());
}

function expectNone(secrets: Secrets, places: readonly Place[]): void {
  const found = places.flatMap(({ where, text }) =>
    secrets.foundIn(text).map((secret) => `${secret} in ${where}`),
  );
  expect(found).toEqual([]);
}

async function makeWitness(app: Recorded): Promise<{ name: string; requestId: string }> {
  const { backends, client } = app;
  const person = await register(client, backends.secrets);
  const input = platformInput(backends.secrets);
  const { id, name } = await createPlatform(person, backends.secrets, input);
  await backends.settled();
  await person.client.get('/v1/platforms');
  const answer = await person.client.get(`/v1/platforms/${id}`);
  const requestId = answer.header('x-request-id') ?? 'none';

  const ring = backends.keyRing;
  const [row] = await backends.rows<Record<'access_token' | 'client_key' | 'client_secret', string>>(
    'SELECT access_token, client_key, client_secret FROM platform_connections WHERE id = $1',
    [id],
  );
  const entry = JSON.parse((await backends.cached(`platform:${id}`)) ?? 'null') as {
    credentials: Record<'accessToken' | 'clientKey' | 'clientSecret', string>;
  } | null;
  const open = (...tokens: (string | undefined)[]) => tokens.map((token) => ring.decrypt(token ?? ''));
  const plain = [input.accessToken, input.clientKey, input.clientSecret];
  expect(open(row?.access_token, row?.client_key, row?.client_secret)).toEqual(plain);
  const { accessToken, clientKey, clientSecret } = entry?.credentials ?? {};
  expect(open(accessToken, clientKey, clientSecret)).toEqual(plain);
  return { name, requestId };
}

function answerOf(exchange: Exchange): Place {
  const { method, path, status } = exchange;
  return { where: `the answer ${status} to ${method} ${path}`, text: withoutOwnSecrets(exchange) };
}

async function dumpRedis(redis: RawRedis): Promise<Place[]> {
  const places: Place[] = [];
  for await (const keys of redis.scanIterator({ COUNT: 500 })) {
    for (const key of keys) {
      places.push({ where: `Redis ${key}`, text: `${key}\n${await dumpEntry(redis, key)}` });
    }
  }
  return places;
}

async function dumpEntry(redis: RawRedis, key: string): Promise<string> {
  const type = await redis.type(key);
  switch (type) {
    case 'none': // expired since
      return '';
    case 'string':
      return (await redis.get(key)) ?? '';
    case 'hash':
      return JSON.stringify(await redis.hGetAll(key));
    case 'list':
      return JSON.stringify(await redis.lRange(key, 0, -1));
    case 'set':
      return JSON.stringify(await redis.sMembers(key));
    case 'zset':
      return JSON.stringify(await redis.zRange(key, 0, -1));
    case 'stream':
      return JSON.stringify(await redis.xRange(key, '-', '+'));
    default:
      throw new Error(`The search for secrets cannot read a ${type}`);
  }
}

/**
 * Every row of every table, or its newest MAX_ROWS, as text; bytea shows as hex. One table after the other: PostgreSQL
 * takes longer for a connection than for all of them.
 */
async function dumpDatabase(backends: Backends): Promise<Place[]> {
  const tables = await backends.rows<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
     WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  );
  const places: Place[] = [];
  for (const { name } of tables) {
    const rows = await backends.rows<{ text: string }>(
      `SELECT t::text AS text FROM ${name} AS t ORDER BY ctid DESC LIMIT ${MAX_ROWS}`,
    );
    for (const { text } of rows) places.push({ where: `table ${name}`, text });
  }
  return places;
}
