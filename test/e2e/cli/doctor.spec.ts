import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { FernetKey } from '../../../src/crypto/fernet.js';
import { type TestApp, startTestApp } from '../../support/app.js';
import { runCli } from '../../support/cli.js';
import { freePort } from '../../support/servers/free-port.js';

// Each start of the program takes seconds where others use the machine.
jest.setTimeout(90_000);

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

const doctor = (env: Record<string, string> = {}) =>
  runCli(['doctor'], { ...app.backends.env(), PUBLIC_URL: app.baseUrl, ...env });

it('finds nothing to mend where the API runs', async () => {
  const { code, stdout, stderr } = await doctor();
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout.replaceAll(/^warning .*\n/gm, '')).toMatch(
    /^ok +configuration: .+\nok +database: PostgreSQL .+\nok +clock: .+\nok +PLATFORM_ENCRYPTION_KEY: \w+ is the key .+\nok +redis: Redis .+\nok +PUBLIC_URL: .+\n$/,
  );
});

it('names every fault and its remedy, without a secret', async () => {
  const nowhere = await freePort();
  const { code, stdout, stderr } = await doctor({
    DATABASE_URL: `postgres://u:hunter2@127.0.0.1:${nowhere}/x`,
    REDIS_URL: `redis://:hunter2@127.0.0.1:${nowhere}`,
    PUBLIC_URL: `http://127.0.0.1:${nowhere}`,
  });
  expect([code, stderr]).toEqual([1, '2 faults to mend.\n']);
  expect(stdout).toMatch(/^fault +database: DATABASE_URL cannot be used: nothing listens at /m);
  expect(stdout).toMatch(/^fault +redis: REDIS_URL cannot be used: /m);
  expect(stdout).toMatch(/^warning +PUBLIC_URL: .* cannot be reached from here/m);
  expect(stdout).not.toContain('hunter2');
});

it('finds a key that does not belong to the database', async () => {
  const { code, stdout } = await doctor({ PLATFORM_ENCRYPTION_KEY: FernetKey.generate() });
  expect(code).toBe(1);
  expect(stdout).toMatch(/^fault +PLATFORM_ENCRYPTION_KEY: does not open this database/m);
});

it('finds settings that cannot be read', async () => {
  const { code, stdout } = await doctor({ PORT: 'x', DATABSE_URL: 'postgres://' });
  expect(code).toBe(1);
  expect(stdout).toMatch(/^fault +configuration: PORT: /m);
});
