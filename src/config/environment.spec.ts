import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { environmentSchema } from './environment.js';

const EXAMPLE = readFileSync('.env.example', 'utf8');
const EXAMPLE_SETTINGS = [...EXAMPLE.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name = '', value = '']) => ({
  name,
  value,
}));

function faultsOf(environment: Readonly<Record<string, string>>): string[] {
  const parsed = environmentSchema.safeParse(environment);
  return parsed.success ? [] : parsed.error.issues.map(({ path }) => String(path[0]));
}

describe('.env.example', () => {
  it('names exactly the settings that the schema knows', () => {
    const names = EXAMPLE_SETTINGS.map(({ name }) => name);
    expect([...names].sort()).toEqual(Object.keys(environmentSchema.shape).sort());
  });

  it('shows the defaults: taken as it is, it changes nothing', () => {
    const given = EXAMPLE_SETTINGS.filter(({ value }) => value !== '').map(({ name, value }) => [
      name,
      value,
    ]);
    expect(environmentSchema.parse(Object.fromEntries(given))).toEqual(environmentSchema.parse({}));
  });

  it('says the default of every setting in the comment above it', () => {
    for (const { name, value } of EXAMPLE_SETTINGS) {
      const above = EXAMPLE.slice(0, EXAMPLE.indexOf(`\n${name}=`))
        .split('\n\n')
        .at(-1)
        ?.split(/^[A-Z_]+=.*$/m)
        .at(-1);
      expect(above).toMatch(value === '' ? /Default (none|not set)/ : `Default ${value}`);
    }
  });
});

describe('docs/configuration.md', () => {
  const [, table = ''] =
    /^## Every setting\n([^]*?)\n## /m.exec(readFileSync('docs/configuration.md', 'utf8')) ?? [];
  const rows = [...table.matchAll(/^\| `([A-Z_]+)` +\| (.+?) +\| (.*?) +\|$/gm)];

  it('has every setting in its table, once, and says what it is', () => {
    expect(rows.map(([, name]) => name).sort()).toEqual(Object.keys(environmentSchema.shape).sort());
    expect(rows.filter(([, , , what = '']) => what.length < 10)).toEqual([]);
  });

  it('begins with what production needs', () => {
    expect(rows.slice(0, 5).map(([, name]) => name)).toEqual([
      'DATABASE_URL',
      'REDIS_URL',
      'PLATFORM_ENCRYPTION_KEY',
      'JWT_SECRET',
      'PUBLIC_URL',
    ]);
  });

  it('says the defaults that the schema has', () => {
    const defaults = environmentSchema.parse({}) as Readonly<Record<string, unknown>>;
    const numbersAndSwitches = rows.filter(([, name = '']) => /number|boolean/.test(typeof defaults[name]));
    expect(numbersAndSwitches.length).toBeGreaterThan(25);
    for (const [, name = '', said] of numbersAndSwitches)
      expect([name, said?.replaceAll('`', '')]).toEqual([name, String(defaults[name])]);
  });
});

describe('the environment schema', () => {
  it.each([
    ['PORT', '0'],
    ['PORT', '65535'],
    ['BASE_PATH', '/'],
    ['BASE_PATH', '/platforms/'],
    ['BASE_PATH', '/shared/platform-manager_v1.2~x/'],
    ['DATABASE_POOL_MAX', '2'],
    ['DATABASE_URL', 'postgresql://host/name'],
    ['REDIS_URL', 'rediss://a:6379, rediss://b:6379'],
    ['CORS_ORIGINS', 'https://app.example.org, http://localhost:5173'],
    ['TRUST_PROXY', 'true'],
    ['WORKERS', 'auto'],
    ['WORKERS', '99'],
  ])('takes %s=%s', (name, value) => {
    expect(faultsOf({ [name]: value })).toEqual([]);
  });

  it.each([
    ['PORT', 'abc', 'must be a TCP port, 0 to 65535; got abc'],
    ['PORT', '99999', 'must be a TCP port, 0 to 65535; got 99999'],
    ['METRICS_PORT', '0', 'must be a TCP port, 1 to 65535; got 0'],
    ['PORT', '1\n2', 'must be a TCP port, 0 to 65535'],
    ['PORT', 'hunter2hunter2', 'must be a TCP port, 0 to 65535'],
  ])('says what is wrong with %s=%j', (name, value, message) => {
    const { error } = environmentSchema.safeParse({ [name]: value });
    expect(error?.issues.map((issue) => issue.message)).toEqual([message]);
  });

  it.each([
    ['PORT', '65536'],
    ['PORT', '3e3'],
    ['PORT', ' 3000'],
    ['PORT', '-1'],
    ['PORT', '0x10'],
    ['BASE_PATH', 'platforms'],
    ['BASE_PATH', '/platforms'],
    ['BASE_PATH', '//elsewhere.example/'],
    ['BASE_PATH', '/../'],
    ['BASE_PATH', '/a b/'],
    ['BASE_PATH', '/a;b/'],
    ['NODE_ENV', 'prod'],
    ['LOG_LEVEL', 'verbose'],
    ['WORKERS', '0'],
    ['WORKERS', 'all'],
    ['DATABASE_POOL_MAX', '1'],
    ['DATABASE_URL', 'mysql://host/name'],
    ['DATABASE_URL', 'not a URL'],
    ['REDIS_URL', 'redis://a:6379,http://b'],
    ['REDIS_COMMAND_TIMEOUT_MS', '0'],
    ['CACHE_STATS_TTL_SECONDS', '1.5'],
    ['CORS_ORIGINS', 'https://app.example.org/'],
    ['CORS_ORIGINS', '*'],

    ['JWT_SECRET', 'x'.repeat(31)],
    ['PLATFORM_ENCRYPTION_KEY', 'too-short'],
    ['PLATFORM_ENCRYPTION_KEY', `${'A'.repeat(43)}=,${'A'.repeat(43)}=`],
  ])('refuses %s=%s', (name, value) => {
    expect(faultsOf({ [name]: value })).toEqual([name]);
  });

  it('takes name servers by address, with or without a port', () => {
    const servers = (text: string) => environmentSchema.safeParse({ BLUESKY_NAME_SERVERS: text });
    expect(
      servers('192.0.2.1, 192.0.2.1:5353,2001:db8::1,[2001:db8::1]:53').data?.BLUESKY_NAME_SERVERS,
    ).toEqual(['192.0.2.1', '192.0.2.1:5353', '2001:db8::1', '[2001:db8::1]:53']);
    for (const wrong of ['dns.example.org', '192.0.2.1:', '192.0.2.300', '[192.0.2.1', 'x'])
      expect(servers(wrong).success).toBe(false);
  });

  it('splits lists and forgives spaces and empty items', () => {
    const { INSTANCE_HOST_ALLOWLIST } = environmentSchema.parse({
      INSTANCE_HOST_ALLOWLIST: ' mastodon.test:3443 ,,Pixelfed.test',
    });
    expect(INSTANCE_HOST_ALLOWLIST).toEqual(['mastodon.test:3443', 'Pixelfed.test']);
  });
});
