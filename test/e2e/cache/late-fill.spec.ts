import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { createPlatform, type PlatformJson, register } from '../../support/factories.js';
import { describeOnOneServer } from '../../support/one-server.js';
import { startTcpProxy, type TcpProxy } from '../../support/servers/tcp-proxy.js';
import { StatementCounter } from '../../support/statements.js';

let backends: Backends;
let proxy: TcpProxy;
let near: TestApp;
let far: TestApp;

describeOnOneServer('a network that holds up a process', () => {
  beforeAll(async () => {
    backends = await Backends.create();
    const { port, pathname } = new URL(backends.redisUrl);
    proxy = await startTcpProxy(Number(port));
    const farRedis = `redis://127.0.0.1:${proxy.port}${pathname}`;
    near = await startTestApp({ backends });
    // Patient, so that what is stuck in the network still arrives.
    far = await startTestApp({ backends, env: { REDIS_URL: farRedis, REDIS_COMMAND_TIMEOUT_MS: '10000' } });
  });
  afterAll(async () => {
    await far.app.close();
    await proxy.close();
    try {
      await near.expectCleanRecord();
    } finally {
      await near.app.close();
      await backends.remove();
    }
  });

  it('refuses the fill of an old row that was held up in the network until after the write was acknowledged', async () => {
    const counter = await StatementCounter.install(backends);
    const ada = await register(near.client, backends.secrets);
    const { id } = await createPlatform(ada, backends.secrets, { name: 'old' });
    await backends.settled();
    const key = `user_platforms:${ada.id}`;
    const names = async (app: TestApp): Promise<string[]> =>
      (await app.client.as(ada).get('/v1/platforms')).json<PlatformJson[]>().map(({ name }) => name);

    await counter.reset();
    const locker = await backends.sql.connect();
    await locker.query('BEGIN; LOCK TABLE platform_connections IN ACCESS EXCLUSIVE MODE');
    const reading = names(far);
    const leased = async () => (await backends.redis.exists(`lease:{${key}}`)) === 1;
    await waitUntil(leased, { timeoutMs: 15_000, what: 'the far reader to hold the lease' });
    // From here its store goes into the network and no further.
    proxy.hang();
    await locker.query('ROLLBACK');
    locker.release();
    const loaded = async () => (await counter.platformSelects()) > 0;
    await waitUntil(loaded, { timeoutMs: 15_000, what: 'the far reader to have loaded the old row' });

    const change = await near.client.as(ada).patch(`/v1/platforms/${id}`, { name: 'new' });
    expect(change.status).toBe(200);
    proxy.resume();
    expect(await reading).toEqual(['old']); // it began before the write
    expect(await backends.redis.get(key)).toBeNull();
    expect(await names(near)).toEqual(['new']);
    expect(await names(far)).toEqual(['new']);
  });
});
