import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from '../../../src/app.setup.js';
import { createLogger } from '../../../src/common/logger.js';
import { loadConfig } from '../../../src/config/load-config.js';
import { waitUntil } from '../../support/barrier.js';
import { type FakeInstance, startFakeInstance } from '../../support/fake-instance/fake-instance.js';
import { expectNoneSeen } from '../../support/leaks.js';
import { Secrets } from '../../support/secrets.js';
import { makeTemporaryFolder, removeTemporaryFolder } from '../../support/servers/temporary-folder.js';
import { Watched } from '../../support/watched.js';

const secrets = new Secrets();
const TOKEN = secrets.make('access-token');

describe('the watcher of the embedded start', () => {
  let dataDir: string;
  let fakes: FakeInstance[];
  let app: NestFastifyApplication;
  let watched: Watched;
  const logLines: string[] = [];

  beforeAll(async () => {
    dataDir = await makeTemporaryFolder('test-watch-');
    fakes = await Promise.all([startFakeInstance('mastodon'), startFakeInstance('gotosocial')]);
    for (const fake of fakes) fake.addToken(TOKEN);
    const config = loadConfig({
      NODE_ENV: 'test',
      DATA_DIR: dataDir,
      LOG_LEVEL: 'trace',
      PLATFORM_ENCRYPTION_KEY: `${randomBytes(32).toString('base64url')}=`,
      JWT_SECRET: randomBytes(48).toString('base64url'),
      INSTANCE_HOST_ALLOWLIST: fakes.map(({ host }) => host).join(','),
      WATCH_ROUND_SECONDS: '1',
      WATCH_SPACING_MS: '1',
    });
    app = await createApp(config, createLogger(config, { write: (line) => void logLines.push(line) }));
    await app.init();
    watched = new Watched(app);
  }, 120_000);
  afterAll(async () => {
    await app.close();
    await Promise.all(fakes.map((fake) => fake.close()));
    await removeTemporaryFolder(dataDir);
  }, 120_000);

  it('does its rounds in this process, over its one connection', async () => {
    const [user] = await watched.sql<{ id: number }>(
      `INSERT INTO users (email) VALUES ('ada@example.org') RETURNING id`,
    );
    const inputs = Array.from({ length: 20 }, (_, n) => ({
      instanceUrl: fakes[n % 2]?.origin ?? '',
      accessToken: TOKEN,
      platformType: n % 2 === 0 ? 'mastodon' : 'gotosocial',
    }));
    const ids = await watched.insert(user?.id ?? 0, inputs);
    await watched.everythingDue();
    const connected = async () =>
      (await watched.sql(`SELECT 1 FROM platform_connections WHERE status = 'connected'`)).length ===
      ids.length;
    await waitUntil(connected, { timeoutMs: 20_000, what: 'all of them to be checked', intervalMs: 50 });
    const asked = fakes.map((fake) => fake.asked('/api/v1/accounts/verify_credentials').length);
    expect(asked).toEqual([10, 10]);
    expectNoneSeen({ secrets, exchanges: [], logs: [() => logLines] });
  }, 120_000);
});
