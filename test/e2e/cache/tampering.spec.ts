import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SessionVerifier } from '../../../src/sessions/session-verifier.js';
import { Random } from '../../fault/history/random.js';
import { type TestApp, startTestApp } from '../../support/app.js';
import { waitUntil } from '../../support/barrier.js';
import { type Person, type PlatformJson, createPlatform, register, unique } from '../../support/factories.js';
import { FakeInstances } from '../../support/fake-instance/fake-instances.js';
import { sealedText } from '../../support/sealed-entries.js';

/** CACHE_FUZZ_SEED repeats a run, CACHE_FUZZ_RUNS makes it longer. */
const SEED = Number(process.env.CACHE_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
const RUNS = Number(process.env.CACHE_FUZZ_RUNS ?? 2500);
const RUNS_PER_CHANGE = 100;
/** A process that starts reads 250,000 changes again. */
const MORE_THAN_IS_READ = 251_000;

/** A kind of entry, and what is answered from it. */
interface Subject {
  key(): string;
  ask(from?: TestApp): Promise<string>;
  /** After it, the entry from before must not be believed. */
  change?(): Promise<void>;
}

/** `stored` is the right text of this entry, `other` of another one, `old` any from before. */
type Damage = (stored: Buffer, other: Buffer, old: Buffer, random: Random) => Buffer;

const DAMAGES: readonly Damage[] = [
  (stored, _, __, random) => {
    const copy = Buffer.from(stored);
    copy.writeUInt8(random.between(0, 255), random.between(0, copy.length - 1));
    return copy;
  },
  (stored, _, __, random) => stored.subarray(0, random.between(1, stored.length)),
  (stored, _, __, random) => stored.subarray(random.between(0, stored.length - 1)),
  (stored, _, __, random) => {
    const at = random.between(0, stored.length);
    return Buffer.concat([
      stored.subarray(0, at),
      Buffer.from([random.between(0, 255)]),
      stored.subarray(at),
    ]);
  },
  (_, other) => other,
  (_, __, old) => old,
  // The value of one with the authentication of another.
  (stored, other) => Buffer.from(`${lines(stored)[0]}\n${lines(other)[1]}`),
  (stored, _, old) => Buffer.from(`${lines(old)[0]}\n${lines(stored)[1]}`),
  (stored) => Buffer.from(lines(stored)[0] ?? ''),
  (stored) => Buffer.concat([stored, Buffer.from('\n'), stored]),
];

const lines = (text: Buffer): string[] => text.toString().split('\n');
const withoutTime = (text: string): string => text.replace(/"computedAt":"[^"]*"/, '');

let app: TestApp;
let other: TestApp;
let fakes: FakeInstances;
let env: Record<string, string>;
const subjects: Record<string, Subject> = {};

beforeAll(async () => {
  fakes = await FakeInstances.atMost(2);
  env = { INSTANCE_HOST_ALLOWLIST: fakes.allowlist.join(',') };
  app = await startTestApp({ env });
  other = await startTestApp({ env, backends: app.backends });
  subjects.user_platforms = await listOfUser();
  subjects.platform = await onePlatform('');
  subjects.platform_stats = await onePlatform('/stats');
  subjects.api_key = await apiKey();
  subjects.session = await session();
  subjects.instance = await instance();
}, 60_000);
afterAll(async () => {
  await other.app.close();
  await app.close();
  await fakes.closeAll();
});

const at = (person: Person, from: TestApp): Person['client'] => from.client.as(person);

async function connected(): Promise<[Person, PlatformJson]> {
  const person = await register(app.client, app.backends.secrets);
  return [person, await createPlatform(person, app.backends.secrets)];
}

async function rename(person: Person, { id }: PlatformJson): Promise<void> {
  const { status } = await person.client.patch(`/v1/platforms/${id}`, { name: `Renamed ${unique()}` });
  expect(status).toBe(200);
}

async function listOfUser(): Promise<Subject> {
  const [person, platform] = await connected();
  return {
    key: () => `user_platforms:${person.id}`,
    ask: async (from = app) => (await at(person, from).get('/v1/platforms')).text,
    change: () => rename(person, platform),
  };
}

async function onePlatform(path: '' | '/stats'): Promise<Subject> {
  const [person, platform] = await connected();
  return {
    key: () => (path === '' ? `platform:${platform.id}` : `platform_stats:${person.id}:${platform.id}`),
    ask: async (from = app) =>
      withoutTime((await at(person, from).get(`/v1/platforms/${platform.id}${path}`)).text),
    change: () => rename(person, platform),
  };
}

/** Asked with a key that is revoked by the change. */
async function apiKey(): Promise<Subject> {
  const [person] = await connected();
  const made = await person.client.post('/v1/api-keys', { name: 'worker', scopes: ['platforms:read'] });
  const { id, key } = made.json<{ id: number; key: string }>();
  app.backends.secrets.add(key);
  return {
    key: () => `api_key:${key.slice(4, 12)}`,
    ask: async (from = app) => {
      const answer = await from.client.as({ accessToken: key }).get('/v1/platforms');
      return answer.status === 200 ? answer.text : String(answer.status);
    },
    change: async () => {
      await person.client.delete(`/v1/api-keys/${id}`);
    },
  };
}

/** Asked with an access token, whose session is ended by the change. By a process that has just forgotten it. */
async function session(): Promise<Subject> {
  const [person] = await connected();
  const [{ id } = { id: 0 }] = (await person.client.get('/v1/sessions')).json<{ id: number }[]>();
  return {
    key: () => `session:${id}`,
    ask: async (from = app) => {
      from.app.get(SessionVerifier).forget([String(id)]);
      const answer = await at(person, from).get('/v1/platforms');
      return answer.status === 200 ? answer.text : String(answer.status);
    },
    change: async () => {
      await person.client.delete(`/v1/sessions/${id}`);
    },
  };
}

async function instance(): Promise<Subject> {
  const person = await register(app.client, app.backends.secrets);
  const fake = await fakes.start('mastodon');
  return {
    key: () => `instance:${fake.origin}`,
    ask: async (from = app) =>
      (await at(person, from).post('/v1/instances/lookup', { instance: fake.origin })).text,
  };
}

const stored = async (subject: Subject): Promise<Buffer> =>
  Buffer.from((await app.backends.redis.get(subject.key())) ?? '');
const put = (subject: Subject, text: Buffer): Promise<unknown> =>
  app.backends.redis.set(subject.key(), text, { EX: 3600 });

/** What PostgreSQL, or the instance, says now, and the entry made of it. */
async function fresh(subject: Subject): Promise<[string, Buffer]> {
  // Else a relay that is late could drop the entry again.
  await app.backends.settled();
  await app.backends.redis.del(subject.key());
  const truth = await subject.ask();
  return [truth, await stored(subject)];
}

describe(`who can write to Redis, CACHE_FUZZ_SEED=${SEED}`, () => {
  it.each(['user_platforms', 'platform', 'platform_stats', 'api_key', 'session', 'instance'])(
    'never changes an answer by what is put under %s',
    async (kind) => {
      process.stdout.write(`CACHE_FUZZ_SEED=${SEED} CACHE_FUZZ_RUNS=${RUNS} ${kind}\n`);
      const random = new Random(SEED);
      const subject = subjects[kind] as Subject;
      const others = Object.values(subjects).filter((one) => one !== subject);
      const neighbours = await Promise.all(
        others.map(async (one) => {
          await one.ask();
          return stored(one);
        }),
      );
      let [truth, text] = await fresh(subject);
      const replaced: Buffer[] = [];
      const wrong: string[] = [];
      for (let run = 1; run <= RUNS / 5; run++) {
        if (run % RUNS_PER_CHANGE === 0 && subject.change !== undefined) {
          replaced.push(text);
          await subject.change();
          [truth, text] = await fresh(subject);
        }
        const damage = random.pick(DAMAGES);
        const old = replaced.length === 0 ? text : random.pick(replaced);
        await put(subject, damage(text, random.pick(neighbours), old, random));
        const answer = await subject.ask();
        if (answer !== truth) wrong.push(`run ${run}, damage ${DAMAGES.indexOf(damage)}: ${answer}`);
        const healed = await stored(subject);
        // Its time and so its authentication differ.
        if (lines(healed)[0] !== '' && kind !== 'platform_stats')
          expect(lines(healed)[0]).toBe(lines(text)[0]);
        text = healed.length === 0 ? text : healed;
      }
      expect(wrong).toEqual([]);
      const counted = (await app.client.get('/metrics')).text.match(
        new RegExp(`platform_cache_requests_total\\{resource="${kind}",outcome="corrupt"\\} (\\d+)`),
      );
      expect(Number(counted?.[1])).toBeGreaterThan(RUNS / 5 / 2);
    },
    300_000,
  );

  it.each(['user_platforms', 'platform', 'platform_stats'])(
    'cannot put back an entry of %s that another process has replaced, once this one has heard of it',
    async (kind) => {
      const subject = subjects[kind] as Subject;
      await fresh(subject);
      await subject.ask(other);
      const old = await stored(subject);
      await subject.change?.();
      const [truth] = await fresh(subject);
      const isHeard = async (): Promise<boolean> => {
        await put(subject, old);
        return (await subject.ask(other)) === truth;
      };
      await waitUntil(isHeard, { timeoutMs: 30_000, what: 'the other process to hear of the change' });
      for (let round = 0; round < 20; round++) expect(await isHeard()).toBe(true);
    },
  );

  it('cannot put back an entry at a process that starts when more has changed than is dropped again', async () => {
    const subject = subjects.user_platforms as Subject;
    await fresh(subject);
    const old = await stored(subject);
    await subject.change?.();
    const [truth] = await fresh(subject);
    // So long ago that the process does not hear of it when it starts, and after all that is read again.
    await app.backends.rows(
      `UPDATE platform_changes SET at = at - interval '10 min', drained_at = drained_at - interval '10 min'`,
    );
    await app.backends.rows(
      `INSERT INTO platform_changes (user_id, platform_id, type, at, drained_at)
       SELECT 0, n % 1000, 'keys.rotated', now() - interval '30 min', now() - interval '30 min' FROM generate_series(1, $1) n`,
      [MORE_THAN_IS_READ],
    );
    await put(subject, old);
    const late = await startTestApp({ env, backends: app.backends });
    try {
      expect(await subject.ask(late)).toBe(truth);
      const hits = async (): Promise<boolean> => {
        await subject.ask(late);
        return /requests_total\{resource="user_platforms",outcome="hit"\} [1-9]/.test(
          (await late.client.get('/metrics')).text,
        );
      };
      await waitUntil(hits, { timeoutMs: 30_000, what: 'what is read since to be believed' });
      await put(subject, old);
      expect(await subject.ask(late)).toBe(truth);
    } finally {
      await late.app.close();
    }
  }, 120_000);

  it('cannot let in a revoked API key at a process that has heard of it', async () => {
    const subject = await apiKey();
    await fresh(subject);
    const old = await stored(subject);
    expect(await subject.ask(other)).not.toBe('401');
    await subject.change?.();
    const isRefused = async (): Promise<boolean> => {
      await put(subject, old);
      return (await subject.ask(other)) === '401';
    };
    await waitUntil(isRefused, { timeoutMs: 30_000, what: 'the other process to hear of the revocation' });
    for (let round = 0; round < 20; round++) expect(await isRefused()).toBe(true);
  });

  it('cannot pass off an entry of another deployment, sealed with its own keys', async () => {
    const subject = subjects.platform as Subject;
    const [truth, text] = await fresh(subject);
    await put(
      subject,
      Buffer.from(sealedText(subject.key(), lines(text)[0]?.replace('Renamed', 'Forged') ?? '')),
    );
    expect(await subject.ask()).toBe(truth);
  });
});
