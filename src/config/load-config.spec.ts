import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConfigurationError, loadConfig } from './load-config.js';

const KEY = 'cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=';
const JWT_SECRET = 'a-signing-secret-of-enough-characters';
const PRODUCTION = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://db/platforms',
  REDIS_URL: 'redis://cache',
  PLATFORM_ENCRYPTION_KEY: KEY,
  JWT_SECRET,
};

let folder: string;
let dataDir: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'load-config-'));
  dataDir = join(folder, 'data');
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function problemsOf(environment: NodeJS.ProcessEnv): readonly string[] {
  try {
    loadConfig({ DATA_DIR: dataDir, ...environment });
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

function namesOf(problems: readonly string[]): string[] {
  return problems.map((problem) => problem.split(':', 1)[0] ?? '').sort();
}

it.each(['DATABASE_DIRECT_URL', 'DATABASE_REPLICA_URL'])('%s needs DATABASE_URL beside it', (name) => {
  expect(problemsOf({ [name]: 'postgres://db.example/app' })).toEqual([
    expect.stringContaining(`DATABASE_URL: is required with ${name}: the embedded database `),
  ]);
});

it('starts one process where database or cache are inside it, and refuses more', () => {
  const servers = { DATABASE_URL: 'postgres://db.example/app', REDIS_URL: 'redis://redis.example' };
  expect(loadConfig({ DATA_DIR: dataDir, ...servers, WORKERS: '3' }).workers).toBe(3);
  expect(loadConfig({ DATA_DIR: dataDir, WORKERS: 'auto' }).workers).toBe(1);
  for (const given of [{}, { DATABASE_URL: servers.DATABASE_URL }, { REDIS_URL: servers.REDIS_URL }])
    expect(problemsOf({ ...given, WORKERS: '3' })).toEqual([
      'WORKERS: more than one process needs DATABASE_URL and REDIS_URL',
    ]);
});

describe('faults', () => {
  it('reports all of them at once, one a line, by name', () => {
    const environment = {
      PORT: 'abc',
      LOG_LEVEL: 'loud',
      DATABASE_URL: 'mysql://db',
      REDIS_URL: 'cache:6379',
    };
    const problems = problemsOf(environment);
    expect(namesOf(problems)).toEqual(['DATABASE_URL', 'LOG_LEVEL', 'PORT', 'REDIS_URL']);
    const lines = new ConfigurationError(problems).message.split('\n');
    expect(lines.slice(1)).toEqual(problems.map((problem) => `  ${problem}`));
  });

  it('reports what is missing together with what is wrong', () => {
    expect(namesOf(problemsOf({ NODE_ENV: 'production', PORT: 'abc', JWT_SECRET: 'short' }))).toEqual([
      'DATABASE_URL',
      'JWT_SECRET',
      'PLATFORM_ENCRYPTION_KEY',
      'PORT',
      'REDIS_URL',
    ]);
  });

  it('says how to make the secrets, whether they are missing or malformed', () => {
    expect(problemsOf({ NODE_ENV: 'production' })).toHaveLength(4);
    const told = [
      ...problemsOf({ NODE_ENV: 'production' }),
      ...problemsOf({ ...PRODUCTION, PLATFORM_ENCRYPTION_KEY: 'short', JWT_SECRET: 'short' }),
    ];
    expect(told.filter((problem) => problem.includes('npm run cli -- keys:generate'))).toHaveLength(2);
    expect(told.filter((problem) => problem.includes('openssl rand -base64 48'))).toHaveLength(2);
  });

  it('takes a key as Python has it, in the standard alphabet, and knows it again', () => {
    const standard = KEY.replaceAll('-', '+').replaceAll('_', '/');
    expect(standard).not.toBe(KEY);
    expect(problemsOf({ ...PRODUCTION, PLATFORM_ENCRYPTION_KEY: standard })).toEqual([]);
    expect(problemsOf({ PLATFORM_ENCRYPTION_KEY: `${standard},${KEY}` })).toEqual([
      'PLATFORM_ENCRYPTION_KEY: holds the same key twice',
    ]);
    expect(problemsOf({ ...PRODUCTION, PLATFORM_ENCRYPTION_KEY: standard, JWT_SECRET: KEY })).toEqual([
      'JWT_SECRET: must not be an encryption key too',
    ]);
  });

  it.each([`b'${KEY}'`, `b"${KEY}"`, `"${KEY}"`, `'${KEY}'`])(
    'says how to write %s, and does not advise to make another key: the data would be lost',
    (key) => {
      expect(problemsOf({ PLATFORM_ENCRYPTION_KEY: key })).toEqual([
        'PLATFORM_ENCRYPTION_KEY: key 1 must be written without b and quotation marks: the 44 characters between them',
      ]);
    },
  );

  it('names lines that make secrets without Node, as the documents do', () => {
    const made = (name: string): string => {
      const [problem = ''] = problemsOf({ NODE_ENV: 'production' }).filter((one) => one.startsWith(name));
      const [line = ''] = /openssl .*$/.exec(problem) ?? [];
      for (const file of ['docs/operations.md', '.env.example'])
        expect([file, readFileSync(file, 'utf8').includes(line)]).toEqual([file, true]);
      return execFileSync('sh', ['-c', line], { encoding: 'utf8' }).trim();
    };
    // Half of all keys have a character that is not url-safe before tr.
    for (let n = 0; n < 8; n++) {
      const [PLATFORM_ENCRYPTION_KEY, secret] = [made('PLATFORM_ENCRYPTION_KEY'), made('JWT_SECRET')];
      expect(problemsOf({ ...PRODUCTION, PLATFORM_ENCRYPTION_KEY, JWT_SECRET: secret })).toEqual([]);
    }
  });

  it('never repeats a value: each of these may hold a secret', () => {
    const secret = 'hunter2hunter2';
    const environment = Object.fromEntries(
      [
        ...Object.keys(PRODUCTION),
        'PORT',
        'LOG_LEVEL',
        'CORS_ORIGINS',
        'TRUST_PROXY',
        'DATABASE_POOL_MAX',
      ].map((name) => [name, secret]),
    );
    const problems = problemsOf(environment);
    expect(problems.length).toBeGreaterThanOrEqual(Object.keys(environment).length);
    expect(problems.join('\n')).not.toContain(secret);
  });

  it('makes no secrets and no folder when there is a fault', () => {
    problemsOf({ PORT: 'abc' });
    expect(existsSync(dataDir)).toBe(false);
  });
});

describe('production', () => {
  it.each(['DATABASE_URL', 'REDIS_URL', 'PLATFORM_ENCRYPTION_KEY', 'JWT_SECRET'])(
    'refuses to start without %s, also when it is empty',
    (name) => {
      for (const value of [undefined, '']) {
        const problems = problemsOf({ ...PRODUCTION, [name]: value });
        expect(problems).toEqual([expect.stringContaining(`${name}: is required in production`)]);
      }
    },
  );

  it('starts on those four, and writes nothing', () => {
    const config = loadConfig({ ...PRODUCTION, DATA_DIR: dataDir });
    expect(config).toMatchObject({
      production: true,
      database: { target: { kind: 'postgres', place: 'db:5432' }, poolMax: 15 },
      redis: { target: { kind: 'single', url: PRODUCTION.REDIS_URL }, commandTimeoutMs: 100 },
      encryptionKeys: KEY,
      tokens: { jwtSecret: JWT_SECRET },
    });
    expect(existsSync(dataDir)).toBe(false);
  });
});

describe('secrets in production', () => {
  it.each([
    ['PLATFORM_ENCRYPTION_KEY', `${'A'.repeat(43)}=`],
    ['PLATFORM_ENCRYPTION_KEY', `${KEY}, ${'A'.repeat(43)}=`],
    ['PLATFORM_ENCRYPTION_KEY', `${'q83vASNFZ4k'.repeat(4).slice(0, 43)}=`],
    ['JWT_SECRET', '0'.repeat(64)],
    ['JWT_SECRET', 'changeme'.repeat(4)],
    ['JWT_SECRET', 'a longer phrase, said twice: a longer phrase, said twice: a longer'],
    ['JWT_SECRET', KEY],
  ])('are not drawn at random: %s=%s', (name, value) => {
    const problems = problemsOf({ ...PRODUCTION, [name]: value });
    expect(namesOf(problems)).toEqual([name]);
    expect(problems.join()).not.toContain(value);
    expect(problemsOf({ ...PRODUCTION, NODE_ENV: 'development', [name]: value })).toEqual([]);
  });

  it.each([
    [{}, ['DATABASE_URL', 'REDIS_URL']],
    [{ DATABASE_URL: 'postgres://db/platforms?sslmode=verify-full', REDIS_URL: 'rediss://cache' }, []],
    [
      { DATABASE_URL: 'postgres://db/platforms?sslmode=prefer', REDIS_URL: 'rediss://cache' },
      ['DATABASE_URL'],
    ],
    [
      { DATABASE_URL: 'postgres://db/platforms?sslmode=require', REDIS_URL: 'rediss://cache' },
      ['DATABASE_URL'],
    ],
    [{ DATABASE_URL: 'postgresql://u@/p?host=/run/postgresql', REDIS_URL: 'rediss://cache' }, []],
    [{ DATABASE_URL: 'postgresql://u@/p?host=db', REDIS_URL: 'rediss://cache' }, ['DATABASE_URL']],
    [{ DATABASE_URL: 'postgres://127.0.0.1/platforms', REDIS_URL: 'redis://localhost:6379' }, []],
    [{ DATABASE_URL: 'postgres://[::1]/platforms', REDIS_URL: 'redis+sentinel://here/main' }, ['REDIS_URL']],
    [
      { DATABASE_URL: 'postgres://localhost/p', REDIS_URL: 'rediss://r', PUBLIC_URL: 'http://p.example' },
      ['PUBLIC_URL'],
    ],
  ])('over a network in plain text are named in a warning: %j', (own, names) => {
    const { warnings } = loadConfig({ ...PRODUCTION, ...own });
    expect(namesOf(warnings)).toEqual(names);
    expect(loadConfig({ ...PRODUCTION, ...own, DATA_DIR: dataDir, NODE_ENV: 'test' }).warnings).toEqual([]);
  });

  it('may each come from a file', () => {
    const files = Object.entries(PRODUCTION)
      .filter(([name]) => name !== 'NODE_ENV')
      .map(([name, value]) => {
        writeFileSync(join(folder, name), `${value}\n`);
        return [`${name}_FILE`, join(folder, name)];
      });
    const config = loadConfig({ NODE_ENV: 'production', ...Object.fromEntries(files) });
    expect(config).toEqual(loadConfig(PRODUCTION));
  });

  it('in a file that is not there, empty, or set twice, are a fault with its name', () => {
    writeFileSync(join(folder, 'empty'), '\n');
    expect(
      problemsOf({
        ...PRODUCTION,
        DATABASE_URL: '',
        DATABASE_URL_FILE: join(folder, 'absent'),
        JWT_SECRET_FILE: join(folder, 'empty'),
        DATABASE_REPLICA_URL_FILE: join(folder, 'empty'),
      }),
    ).toEqual([
      'DATABASE_URL_FILE: the file cannot be read (ENOENT)',
      'JWT_SECRET_FILE: must not be set beside JWT_SECRET',
      expect.stringContaining('DATABASE_REPLICA_URL: must be'),
      expect.stringContaining('DATABASE_URL: is required with'),
    ]);
  });
});

describe('development', () => {
  it('needs nothing: embedded database of one connection, cache in memory', () => {
    const config = loadConfig({ DATA_DIR: dataDir });
    expect(config).toMatchObject({
      production: false,
      port: 3000,
      database: { target: { kind: 'embedded', dataDir }, poolMax: 1 },
      redis: null,
    });
  });

  it('takes an empty value for one that is not set', () => {
    const config = loadConfig({
      DATA_DIR: dataDir,
      DATABASE_URL: '',
      REDIS_URL: '',
      PORT: '',
      JWT_SECRET: '',
    });
    expect(config).toMatchObject({ port: 3000, redis: null, database: { target: { kind: 'embedded' } } });
  });

  it('makes secrets that only the owner can read, in a folder that only the owner can open', () => {
    loadConfig({ DATA_DIR: dataDir });
    expect(readdirSync(dataDir).sort()).toEqual(['jwt-secret', 'platform-encryption-key']);
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(dataDir)) expect(statSync(join(dataDir, name)).mode & 0o777).toBe(0o600);
  });

  it('takes a folder from the others that could open it', () => {
    mkdirSync(dataDir, { mode: 0o755 });
    loadConfig({ DATA_DIR: dataDir });
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
  });

  it('refuses a folder that cannot be made, by name', () => {
    writeFileSync(dataDir, 'a file');
    expect(problemsOf({})).toEqual(['DATA_DIR: cannot be made a folder of mode 0700 (EEXIST)']);
  });

  it('finds the same secrets again at the next start, and others in another folder', () => {
    const first = loadConfig({ DATA_DIR: dataDir });
    const again = loadConfig({ DATA_DIR: dataDir });
    const elsewhere = loadConfig({ DATA_DIR: join(folder, 'elsewhere') });
    expect(again.encryptionKeys).toBe(first.encryptionKeys);
    expect(again.tokens.jwtSecret).toBe(first.tokens.jwtSecret);
    expect(elsewhere.encryptionKeys).not.toBe(first.encryptionKeys);
    expect(elsewhere.tokens.jwtSecret).not.toBe(first.tokens.jwtSecret);
  });

  it('makes an encryption key that it would take as a setting', () => {
    const { encryptionKeys } = loadConfig({ DATA_DIR: dataDir });
    expect(problemsOf({ PLATFORM_ENCRYPTION_KEY: encryptionKeys })).toEqual([]);
  });

  it('prefers what is set to what is kept, and leaves the file as it is', () => {
    loadConfig({ DATA_DIR: dataDir });
    const path = join(dataDir, 'platform-encryption-key');
    writeFileSync(path, 'kept');
    expect(loadConfig({ DATA_DIR: dataDir, PLATFORM_ENCRYPTION_KEY: KEY }).encryptionKeys).toBe(KEY);
    expect(readFileSync(path, 'utf8')).toBe('kept');
  });

  it('needs no more than their addresses to use real servers, and says that the key was made up', () => {
    const { DATABASE_URL, REDIS_URL } = PRODUCTION;
    const made = loadConfig({ DATA_DIR: dataDir, DATABASE_URL, REDIS_URL });
    expect(made.generatedKeyFile).toBe(join(dataDir, 'platform-encryption-key'));
    expect(readFileSync(join(dataDir, 'platform-encryption-key'), 'utf8')).toBe(made.encryptionKeys);
    const given = loadConfig({ DATA_DIR: dataDir, DATABASE_URL, REDIS_URL, PLATFORM_ENCRYPTION_KEY: KEY });
    expect(given.generatedKeyFile).toBeNull();
  });
});
