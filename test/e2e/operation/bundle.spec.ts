import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Backends } from '../../support/backends.js';
import { expectCleanRecord } from '../../support/clean-record.js';
import { register } from '../../support/factories.js';
import { HttpClient } from '../../support/http-client.js';
import { type ApiProcess, startApi } from '../../support/servers/api-process.js';
import { makeTemporaryFolder, removeTemporaryFolder } from '../../support/servers/temporary-folder.js';

/** A library, in the first line of a bundle or in a path. */
const LIBRARY = /node_modules\/((?:@[\w.-]+\/)?[\w.-]+)\//g;

let backends: Backends;
let api: ApiProcess;
let client: HttpClient;
/** Where V8 writes, at the end of the process, which files it has loaded. */
let coverage: string;

beforeAll(async () => {
  backends = await Backends.create();
  coverage = await makeTemporaryFolder('test-bundle-');
  // With the queue, which is loaded only where it is used.
  const env = { ...backends.env(), WATCH_ENABLED: 'true', NODE_V8_COVERAGE: coverage };
  api = await startApi({ env });
  backends.logs.push(() => api.output);
  client = new HttpClient(api.baseUrl, backends.exchanges, backends.secrets);
});
afterAll(async () => {
  await api.kill();
  await removeTemporaryFolder(coverage);
  await backends.remove();
});

it('names the files of src in the stack of an unexpected error', async () => {
  const ada = await register(client, backends.secrets);
  await backends.sql.query('ALTER TABLE platform_connections RENAME TO renamed');
  // Not for the record: a 500 is in no document.
  const aside = new HttpClient(api.baseUrl, [], backends.secrets).as(ada);
  expect((await aside.get('/v1/platforms')).status).toBe(500);
  await backends.sql.query('ALTER TABLE renamed RENAME TO platform_connections');

  const [stack] = await api.printed(/"stack":".*\/src\/.*/);
  const named = [...stack.matchAll(/[\w/.-]*\/src\/[\w/.-]+\.ts(?=:\d+:\d+)/g)].map(([path]) => path);
  expect(named.length).toBeGreaterThan(0);
  expect(named.filter((path) => !existsSync(path))).toEqual([]);
});

it('loads no library from node_modules that it has in the bundle', async () => {
  for (const path of ['/health/ready', '/docs', '/docs-json', '/console/'])
    expect((await client.get(path)).status).toBe(200);
  await expectCleanRecord({ backends, client });
  expect(await api.stop()).toBe(0);

  const files = loadedFiles(coverage);
  const bundled = files
    .filter((file) => file.includes('/dist/'))
    .flatMap((file) => librariesIn(readFileSync(file, 'utf8')));
  const besides = files.flatMap((file) => librariesIn(file));
  expect(new Set(bundled).size).toBeGreaterThan(50);
  expect(besides).toContain('pino');
  expect(besides.filter((name) => bundled.includes(name))).toEqual([]);
});

function loadedFiles(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const { result } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as { result: { url: string }[] };
    return result.filter(({ url }) => url.startsWith('file:')).map(({ url }) => fileURLToPath(url));
  });
}

function librariesIn(text: string): string[] {
  return [...new Set([...text.matchAll(LIBRARY)].map(([, name = '']) => name))];
}
