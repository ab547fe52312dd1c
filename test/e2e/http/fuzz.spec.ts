import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AnswerSchemas } from '../../support/answer-schemas.js';
import { type TestApp, startTestApp } from '../../support/app.js';
import { type Person, type PlatformJson, createPlatform, register } from '../../support/factories.js';
import type { HttpClient } from '../../support/http-client.js';

/** FUZZ_SEED repeats a run, FUZZ_RUNS makes it longer. */
const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
const RUNS = Number(process.env.FUZZ_RUNS ?? 80);
const MAX_ANSWER_MS = 30_000;
const STACK = /\\n +at |node_modules|\.[jt]s:\d+:\d+|QueryFailed|\b(SELECT|INSERT INTO|UPDATE) /;

/** Where nobody listens. */
const DEAF = '127.0.0.1:1';
/** Of an instance that is not there, and says nothing about us. */
const OF_INSTANCE: ReadonlySet<number> = new Set([502, 504]);
/** Needs a secret that was given out before, or a device. */
const NEEDS_SECRET = /totp|passkey|connect|password-reset|(?:verify|change)-email/;
const isProxied = (path: string): boolean => path.endsWith('/proxy/{path}');

interface Schema {
  readonly $ref?: string;
  readonly type?: string | string[];
  readonly enum?: readonly unknown[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
}

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { name: string; in: string; schema?: Schema }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { schema: Schema }>> };
  readonly responses: Readonly<
    Record<string, { content?: Readonly<Record<string, { schema?: Schema & Record<string, unknown> }>> }>
  >;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema & Record<string, unknown>>> };
}

const NASTY = [
  '',
  ' ',
  '\0',
  'é',
  '👩‍🚀',
  '\ud800',
  '%',
  "' OR 1=1--",
  '../..',
  'null',
  '-1',
  '1e9',
  '__proto__',
  'a'.repeat(5000),
];
const junk = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 2 ** 53, [], {}, ...NASTY),
  fc.string({ unit: 'binary', maxLength: 50 }),
  fc.jsonValue({ maxDepth: 3 }),
);

describe(`fuzz, FUZZ_SEED=${SEED}`, () => {
  let app: TestApp;
  let document: Document;
  let schemas: AnswerSchemas;
  let people: Person[];
  let callers: HttpClient[];
  const ids: string[] = [];

  beforeAll(async () => {
    process.stdout.write(`FUZZ_SEED=${SEED} FUZZ_RUNS=${RUNS}\n`);
    // Names that do not exist are looked up; how long that takes is a matter of the network.
    app = await startTestApp({
      env: {
        INSTANCE_TIMEOUT_MS: '1000',
        INSTANCE_HOST_ALLOWLIST: DEAF,
        SMTP_URL: 'smtp://127.0.0.1:1',
        MAIL_FROM: 'a@example.org',
      },
    });
    const { client, backends } = app;
    // Ids of connections are asked for everywhere: none may be that of a session in use, or of a person.
    await backends.rows(`SELECT setval('sessions_id_seq', 1000000), setval('users_id_seq', 1000000)`);
    // Others who may be asked for, changed and deleted.
    await backends.rows(
      `INSERT INTO users (id, email) SELECT n, 'other-' || n || '@example.org' FROM generate_series(1, 6) n`,
    );
    document = (await client.get('/docs-json')).json<Document>();
    schemas = new AnswerSchemas(document.components.schemas);
    people = [await register(client, backends.secrets), await register(client, backends.secrets)];
    const [ada, made] = people as [Person, Person];
    await backends.rows(`UPDATE users SET role = 'admin' WHERE id = $1`, [made.id]);
    const { email, password } = made;
    const session = await client.post('/v1/auth/login', { email, password });
    const admin = { ...made, client: client.as(session.json()) };
    people = [ada, admin];
    const key = await ada.client.post('/v1/api-keys', {
      name: 'fuzz',
      scopes: ['platforms:read', 'activities:write'],
    });
    callers = [
      ada.client,
      ada.client,
      admin.client,
      client.as({ accessToken: key.json<{ key: string }>().key }),
      client,
    ];
    for (const person of people) {
      for (let n = 0; n < 3; n++) ids.push(String((await createPlatform(person, backends.secrets)).id));
    }
  });

  afterAll(() => app.close());

  const resolve = (schema: Schema): Schema => {
    const either = 'anyOf' in schema ? (schema as { anyOf?: Schema[] }).anyOf?.[0] : undefined;
    const { $ref } = either ?? schema;
    return $ref === undefined ? schema : (document.components.schemas[$ref.split('/').at(-1) ?? ''] ?? {});
  };

  /** Mostly of the documented kind, near its bounds, so that requests get past the validation too. */
  function valueOf(given: Schema): fc.Arbitrary<unknown> {
    const schema = resolve(given);
    const { minLength = 0, maxLength = 40 } = schema;
    // Null, where it is one of two types, comes with what is spoilt.
    const [type] = [schema.type].flat();
    switch (true) {
      case schema.enum !== undefined:
        return fc.constantFrom(...schema.enum);
      case schema.format === 'email':
        return fc.emailAddress({ size: 'small' });
      case schema.format === 'date-time':
        return fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
      case type === 'string':
        return fc.string({
          unit: 'grapheme-ascii',
          minLength,
          maxLength: Math.min(maxLength, minLength + 30),
        });
      case type === 'boolean':
        return fc.boolean();
      case type === 'integer' || type === 'number':
        return fc.integer({ min: 0, max: 200 });
      case type === 'array':
        return fc.array(valueOf(schema.items ?? {}), { maxLength: 4 });
      default:
        return objectOf(schema);
    }
  }

  function objectOf(schema: Schema): fc.Arbitrary<unknown> {
    const fields = Object.entries(schema.properties ?? {}).map(([name, property]) => [
      name,
      fc.option(spoilt(valueOf(property), 8), { freq: 6, nil: undefined }),
    ]);
    const object = fc.record(Object.fromEntries(fields) as Record<string, fc.Arbitrary<unknown>>);
    // Instances as people type them: random text would never get past that one.
    const withUrl = object.map((value) =>
      'instanceUrl' in value && value['instanceUrl'] !== undefined
        ? { ...value, instanceUrl: `https://${String(value['instanceUrl']).length}.example` }
        : 'url' in value && 'events' in value && value['url'] !== undefined
          ? { ...value, url: `http://${DEAF}/${String(value['url']).length}` }
          : value,
    );
    return fc.oneof(
      { weight: 9, arbitrary: withUrl },
      { weight: 1, arbitrary: fc.tuple(object, junk).map(([value, more]) => ({ ...value, more })) },
    );
  }

  const spoilt = (arbitrary: fc.Arbitrary<unknown>, weight: number): fc.Arbitrary<unknown> =>
    fc.oneof({ weight, arbitrary }, { weight: 1, arbitrary: junk });

  const segment = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(0, 1, 2, 3, 4, 5).map((index) => ids[index] ?? '1') },
    { weight: 2, arbitrary: fc.integer().map(String) },
    {
      weight: 2,
      arbitrary: fc
        .oneof(
          fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
          fc.constantFrom('0', '2147483648', '1e3', '0x10', ' 1'),
        )
        .filter((text) => text.isWellFormed() && !/^\.{1,2}$/.test(text)),
    },
  );

  const query = ({ parameters = [] }: Operation): fc.Arbitrary<string> => {
    const fields = parameters
      .filter((parameter) => parameter.in === 'query')
      .map(({ name, schema = {} }) => [
        name,
        fc.option(spoilt(valueOf(schema), 5), { freq: 2, nil: undefined }),
      ]);
    return fc.record(Object.fromEntries(fields) as Record<string, fc.Arbitrary<unknown>>).map((values) =>
      Object.entries(values)
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => `${name}=${encodeURIComponent(asText(value).toWellFormed())}`)
        .join('&'),
    );
  };

  const headers = fc.record(
    {
      'If-Match': fc.constantFrom('"1"', '*', 'W/"1"', '"', 'x'.repeat(500)),
      'If-None-Match': fc.constantFrom('"1"', '*', ''),
      'Last-Event-ID': fc.constantFrom('', '0', '7', '99999999999999999', '-1', 'x', '1e3', 'x'.repeat(500)),
      'Session-Cookie': fc.constantFrom('true', 'false', ''),
      'Sec-Fetch-Site': fc.constantFrom('same-origin', 'cross-site'),
      'X-Request-Id': fc.constantFrom('abc', '{"a":1}', 'x'.repeat(300)),
    },
    { requiredKeys: [] },
  );

  it('knows no operation that answers with an error of ours, with what is not documented, or with internals', async () => {
    const operations = Object.entries(document.paths)
      .flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => ({
          path,
          method: method.toUpperCase(),
          operation,
        })),
      )
      // So that the others have something to work with.
      .sort((one, other) => Number(one.method === 'DELETE') - Number(other.method === 'DELETE'));
    const seen = new Map<string, Set<number>>();
    let requests = 0;
    let slowestMs = 0;
    for (const { path, method, operation } of operations) {
      const schema = operation.requestBody?.content['application/json']?.schema;
      const input = fc.record({
        caller: fc.constantFrom(0, 0, 0, 1, 1, 2, 2, 3, 4),
        segments: fc.array(segment, { minLength: 3, maxLength: 3 }),
        search: query(operation),
        headers,
        body: schema === undefined ? fc.constant(undefined) : spoilt(valueOf(schema), 12),
      });
      const property = fc.asyncProperty(input, async ({ caller, segments, search, headers: sent, body }) => {
        let parameter = 0;
        const filled = path.replaceAll(/\{[^}]+\}/g, () => encodeURIComponent(segments[parameter++] ?? '1'));
        const client = callers[caller] ?? app.client;
        const answer = await client.request(method, search === '' ? filled : `${filled}?${search}`, {
          body,
          headers: sent,
        });
        requests++;
        slowestMs = Math.max(slowestMs, answer.durationMs);
        const statuses = seen.get(operation.operationId) ?? new Set();
        seen.set(operation.operationId, statuses.add(answer.status));
        const { status, text } = answer;
        const fault =
          status >= 500 && !(isProxied(path) && OF_INSTANCE.has(status))
            ? 'it is an error of ours'
            : STACK.test(path === '/metrics' ? '' : text)
              ? 'it shows internals'
              : method === 'HEAD'
                ? null
                : schemas.fault(operation, { status, text, contentType: answer.header('content-type') });
        if (fault !== null) {
          const warnings = app.backends.logs
            .flatMap((lines) => lines())
            .filter((line) => /"level":"(warn|error)"/.test(line));
          throw new Error(
            [
              `${method} ${filled} answered ${status}: ${fault}`,
              text.slice(0, 400),
              ...warnings.slice(-3),
            ].join('\n'),
          );
        }
      });
      // Passwords are hashed on purpose slowly; these routes get fewer runs.
      const numRuns = /register|login/.test(path) ? Math.ceil(RUNS / 2) : RUNS;
      await fc.assert(property, { seed: SEED, numRuns, endOnFailure: true, markInterruptAsFailure: true });
    }
    process.stdout.write(
      `${requests} requests to ${operations.length} operations, slowest ${Math.round(slowestMs)} ms\n`,
    );
    expect(slowestMs).toBeLessThan(MAX_ANSWER_MS);
    // Otherwise the requests were all refused before they did anything.
    const mine = operations.filter(({ path }) => !isProxied(path) && !NEEDS_SECRET.test(path));
    const reached = mine.filter(({ operation: { operationId } }) =>
      [...(seen.get(operationId) ?? [])].some((status) => status < 300),
    ).length;
    expect(reached).toBeGreaterThan(mine.length * 0.7);
  }, 600_000);

  it('leaves a state in which cache and database agree, and each user has one default', async () => {
    for (const { id, client } of people) {
      const cached = (await client.get('/v1/platforms')).json<PlatformJson[]>();
      expect((await client.delete('/v1/platforms/cache')).status).toBe(204);
      const stored = (await client.get('/v1/platforms')).json<PlatformJson[]>();
      expect(cached).toEqual(stored);
      expect(stored.filter(({ isDefault }) => isDefault)).toHaveLength(stored.length > 0 ? 1 : 0);
      expect(stored.every(({ userId }) => userId === id)).toBe(true);
    }
  });
});

/** Also of what has no text of its own, such as an object without a prototype. */
function asText(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
