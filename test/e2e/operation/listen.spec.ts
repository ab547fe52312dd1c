import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Backends } from '../../support/backends.js';
import { expectCleanRecord } from '../../support/clean-record.js';
import { createPlatform, register } from '../../support/factories.js';
import { HttpClient } from '../../support/http-client.js';
import { startApi } from '../../support/servers/api-process.js';
import { freePort } from '../../support/servers/free-port.js';

let backends: Backends;
let taken: Server;
let port: string;

beforeAll(async () => {
  backends = await Backends.create();
  taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  port = String((taken.address() as { port: number }).port);
});
afterAll(async () => {
  taken.close();
  await backends.remove();
});

/** The message of the failure has the output of the process. */
async function outputInVain(env: Readonly<Record<string, string>>): Promise<string> {
  const started = startApi({ env: { ...backends.env(), LOG_LEVEL: 'fatal', ...env } });
  return started.then(
    () => 'It started.',
    (error: unknown) => (error as Error).message,
  );
}

describe('the start ends with one line that names the setting when', () => {
  it('the port is in use', async () => {
    const output = await outputInVain({ PORT: port });
    expect(output).toContain(`PORT: ${port} is already in use at HOST 127.0.0.1`);
    expect(output).toContain('ended with code 1 ');
    expect(output).not.toMatch(/^\s+at /m);
  });

  it('the port of the metrics is in use', async () => {
    const output = await outputInVain({ METRICS_PORT: port, PORT: String(await freePort()) });
    expect(output).toContain(`METRICS_PORT: ${port} is already in use at HOST 127.0.0.1`);
    expect(output).not.toMatch(/^\s+at /m);
  });

  it.each([
    ['has no address', 'no-such-name.invalid'],
    ['is an address of another machine', '192.0.2.1'],
  ])('the host %s', async (_, host) => {
    const output = await outputInVain({ HOST: host, PORT: String(await freePort()) });
    expect(output).toContain(`HOST: ${host} is not an address of this machine (E`);
    expect(output).not.toMatch(/^\s+at /m);
  });
});

it('serves as any user, in production, where it can write nothing', async () => {
  // As in a container with a read-only root: this user owns nothing. Only root can become another user.
  const user = process.getuid?.() === 0 ? { uid: 54_321, gid: 54_321 } : undefined;
  const nowhere = '/nowhere';
  const api = await startApi({
    env: { ...backends.env(), NODE_ENV: 'production', HOME: nowhere, TMPDIR: nowhere, DATA_DIR: nowhere },
    user,
  });
  backends.logs.push(() => api.output);
  try {
    const client = new HttpClient(api.baseUrl, backends.exchanges, backends.secrets);
    const ada = await register(client, backends.secrets);
    const { id } = await createPlatform(ada, backends.secrets);
    expect((await ada.client.get(`/v1/platforms/${id}`)).status).toBe(200);
    expect((await client.get('/console/')).status).toBe(200);
    await expectCleanRecord({ backends, client });
  } finally {
    await api.stop();
  }
});
