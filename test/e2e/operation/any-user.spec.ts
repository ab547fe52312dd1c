import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Backends } from '../../support/backends.js';
import { expectCleanRecord } from '../../support/clean-record.js';
import { createPlatform, register } from '../../support/factories.js';
import { HttpClient } from '../../support/http-client.js';
import { startApi } from '../../support/servers/api-process.js';

let backends: Backends;

beforeAll(async () => {
  backends = await Backends.create();
});
afterAll(() => backends.remove());

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
