import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { expectBestRound } from '../../support/best-round.js';
import { createPlatform, type PlatformJson, register, signAccessToken } from '../../support/factories.js';
import { insertUsers } from '../../support/insert-users.js';
import { pipelined } from '../../support/pipelined.js';
import { type ApiProcess, startApi } from '../../support/servers/api-process.js';
import { StatementCounter } from '../../support/statements.js';

const CALLERS = 10_000;
const USERS = 1_000;
const TIMEOUT_MS = 60_000;

// Two processes as in production, built and without Jest around them; a third app for what the tests set up.
let backends: Backends;
let processes: ApiProcess[];
let setup: TestApp;
let counter: StatementCounter;

beforeAll(async () => {
  backends = await Backends.create();
  setup = await startTestApp({ backends });
  counter = await StatementCounter.install(backends);
  const env = {
    ...backends.env(),
    LOG_LEVEL: 'info',
    DATABASE_POOL_MAX: '5',
    // What is counted here must not depend on how fast the machine is.
    REDIS_COMMAND_TIMEOUT_MS: '5000',
    DATABASE_ACQUIRE_TIMEOUT_MS: '30000',
  };
  processes = await Promise.all([startApi({ env }), startApi({ env })]);
  for (const api of processes) backends.logs.push(() => api.output);
}, 120_000);
afterAll(async () => {
  const codes = await Promise.all(processes.map((api) => api.stop()));
  try {
    await setup.expectCleanRecord();
    expect(codes).toEqual([0, 0]);
  } finally {
    await setup.app.close();
    await backends.remove();
  }
}, 120_000);

/** Every request to its process at once; the answers are kept for the search for secrets. */
async function ask(requests: (api: ApiProcess) => readonly { path: string; accessToken: string }[]) {
  const answers = await Promise.all(processes.map((api) => pipelined(api.port, requests(api), TIMEOUT_MS)));
  for (const { path, status, body } of answers.flat()) {
    backends.exchanges.push({ method: 'GET', path, status, headers: {}, text: body });
  }
  return answers.flat();
}

const NEITHER_HIT_NOR_SHARED = /bypass|fwd=miss; stored/;

describe('two processes', () => {
  it.each(['/v1/platforms', '/v1/platforms/:id'])(
    `answer ${CALLERS} concurrent callers of %s, all cold, with one SELECT`,
    (route) =>
      expectBestRound(async () => {
        const ada = await register(setup.client, backends.secrets);
        const platform = await createPlatform(ada, backends.secrets);
        const path = route.replace(':id', String(platform.id));
        await backends.settled();
        await counter.reset();

        const one = { path, accessToken: ada.accessToken };
        const answers = await ask(() => Array.from({ length: CALLERS / processes.length }, () => one));

        const selects = await counter.platformSelects();
        expect(answers).toHaveLength(CALLERS);
        const expected = JSON.stringify(path === '/v1/platforms' ? [platform] : platform);
        expect(answers.filter(({ status, body }) => status !== 200 || body !== expected)).toEqual([]);
        const loads = answers.filter(({ cacheStatus }) =>
          NEITHER_HIT_NOR_SHARED.test(cacheStatus ?? 'bypass'),
        );
        expect(loads.map(({ cacheStatus }) => cacheStatus)).toEqual(['platform-manager; fwd=miss; stored']);
        expect(selects).toBeGreaterThan(0);
        // A process that is held up for longer than the other one waits for it is not waited for.
        return [{ what: 'SELECTs', value: selects, limit: 1 }];
      }),
    180_000,
  );

  it(`with pools of 5 serve ${USERS} users who are all cold at once, without a time-out or a 5xx`, async () => {
    const users = await insertUsers(backends, USERS);
    const tokens = await Promise.all(users.map(({ id }) => signAccessToken(backends, id)));
    const nameOf = new Map(users.map(({ id, platformName }) => [id, platformName]));
    await backends.settled();
    await counter.reset();

    const requests = tokens.map((accessToken) => ({ path: '/v1/platforms', accessToken }));
    const answers = await ask(() => requests);

    const statuses = new Map<number, number>();
    for (const { status } of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    expect(Object.fromEntries(statuses)).toEqual({ 200: USERS * processes.length });
    const wrong = answers.filter(({ body }) => {
      const [platform, ...more] = JSON.parse(body) as PlatformJson[];
      return (
        more.length > 0 ||
        platform?.name !== nameOf.get(platform?.userId ?? 0) ||
        platform?.status !== 'unchecked'
      );
    });
    expect(wrong).toEqual([]);
    // At most one load by each process: a filler that waits for its turn may outlast the other one's patience.
    expect(await counter.platformSelects()).toBeLessThanOrEqual(USERS * processes.length);
  }, 120_000);

  it('see at once what the other one has written', async () => {
    const ada = await register(setup.client, backends.secrets);
    const { id } = await createPlatform(ada, backends.secrets);
    for (let version = 1; version <= 20; version++) {
      const [writer, reader] = version % 2 === 0 ? processes : [...processes].reverse();
      const headers = { Authorization: `Bearer ${ada.accessToken}`, 'Content-Type': 'application/json' };
      const body = JSON.stringify({ name: `version ${version}` });
      const change = await fetch(`${writer?.baseUrl}/v1/platforms/${id}`, { method: 'PATCH', headers, body });
      expect(change.status).toBe(200);
      for (const path of ['/v1/platforms/default', `/v1/platforms/${id}`]) {
        const answer = await fetch(`${reader?.baseUrl}${path}`, { headers });
        expect(((await answer.json()) as PlatformJson).name).toBe(`version ${version}`);
      }
    }
  });
});
