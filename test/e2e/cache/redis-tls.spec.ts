import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { runCli } from '../../support/cli.js';
import { selfSignedCertificate } from '../../support/fake-instance/certificate.js';
import { freePorts } from '../../support/servers/free-port.js';
import { command } from '../../support/servers/redis-command.js';
import { type RedisServer, startRedis } from '../../support/servers/redis.js';
import { makeTemporaryFolder, removeTemporaryFolder } from '../../support/servers/temporary-folder.js';
import { unprivilegedUser } from '../../support/servers/unprivileged-user.js';

const KEY = 'user_platforms:1';

let folder: string;
let ca: string;
let master: RedisServer;
let sentinel: RedisServer;
let serverPort: number;
let sentinelPort: number;

beforeAll(async () => {
  folder = await makeTemporaryFolder('test-redis-tls-', await unprivilegedUser());
  ca = join(folder, 'cert.pem');
  const { key, cert } = await selfSignedCertificate();
  await Promise.all([writeFile(ca, cert), writeFile(join(folder, 'key.pem'), key)]);
  [serverPort = 0, sentinelPort = 0] = await freePorts(2);
  const files = { 'tls-cert-file': ca, 'tls-key-file': join(folder, 'key.pem'), 'tls-ca-cert-file': ca };
  const tls = Object.entries({ ...files, 'tls-auth-clients': 'no' });
  // The ordinary port stays open, for the test.
  master = await startRedis({
    args: [
      ...tls.flatMap(([name, value]) => [`--${name}`, value]),
      ...[
        '--tls-port',
        String(serverPort),
        '--user',
        'app',
        'on',
        '>p@ss',
        '~*',
        '&*',
        '+@all',
        '-@dangerous',
      ],
    ],
  });
  const lines = [
    ...tls.map(([name, value]) => `${name} ${value}`),
    `tls-port ${sentinelPort}`,
    'tls-replication yes',
    'user watcher on >other ~* &* +@all',
    'user default off',
    `sentinel monitor main 127.0.0.1 ${serverPort} 1`,
  ];
  sentinel = await startRedis({ sentinel: `${lines.join('\n')}\n` });
}, 60_000);
afterAll(async () => {
  await sentinel?.remove();
  await master?.remove();
  await removeTemporaryFolder(folder);
}, 60_000);

const flush = (REDIS_URL: string, more: Record<string, string> = { NODE_EXTRA_CA_CERTS: ca }) =>
  runCli(['cache:flush'], {
    REDIS_URL,
    REDIS_SENTINEL_USERNAME: 'watcher',
    REDIS_SENTINEL_PASSWORD: 'other',
    ...more,
  });

it.each([
  ['one server', () => `rediss://app:p%40ss@127.0.0.1:${serverPort}`],
  ['sentinels', () => `rediss+sentinel://app:p%40ss@127.0.0.1:${sentinelPort}/main`],
])(
  '%s with a certificate of an own authority: used when it is given, else refused with the reason',
  async (_, url) => {
    await command(master, ['SET', KEY, '[]']);
    const refused = await flush(url(), {});
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringMatching(/REDIS_URL cannot be used: .*self-signed/),
    ]);
    expect(refused.stderr).not.toMatch(/p@ss|other/);
    expect(await command(master, ['EXISTS', KEY])).toBe(1);
    expect(await flush(url())).toMatchObject({ code: 0, stderr: '' });
    expect(await command(master, ['EXISTS', KEY])).toBe(0);
  },
  60_000,
);
