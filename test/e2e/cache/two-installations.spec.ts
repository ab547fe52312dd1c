import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { createTestRedis } from '../../support/databases.js';
import { type Person, createPlatform, register } from '../../support/factories.js';

const HIT = 'platform-manager; hit';
const MARK = 'Another installation keeps its cache in this Redis';

// Databases of their own, so both have a user 1; one Redis; and the keys of a copied configuration.
let both: [Backends, Backends];
let apps: TestApp[];

async function createBoth(onePrefix: string, otherPrefix: string): Promise<void> {
  const { url: redisUrl } = await createTestRedis();
  both = [
    await Backends.create({ redisUrl, keyPrefix: onePrefix }),
    await Backends.create({ redisUrl, keyPrefix: otherPrefix }),
  ];
}

beforeEach(() => {
  apps = [];
});
afterEach(async () => {
  for (const app of apps) await app.expectCleanRecord();
  for (const app of apps) await app.app.close();
  for (const backends of both) await backends.remove();
});

async function start(backends: Backends): Promise<[TestApp, Person]> {
  const env = { PLATFORM_ENCRYPTION_KEY: both[0].encryptionKey };
  const app = await startTestApp({ backends, env });
  apps.push(app);
  const person = await register(app.client, backends.secrets);
  await createPlatform(person, backends.secrets, {
    name: `of ${backends === both[0] ? 'one' : 'the other'}`,
  });
  return [app, person];
}

async function names(person: Person): Promise<[string, string | null]> {
  const answer = await person.client.get('/v1/platforms');
  return [
    answer
      .json<{ name: string }[]>()
      .map(({ name }) => name)
      .join(),
    answer.cacheStatus,
  ];
}

it('two installations on one Redis never show each other what they have cached, and the second says why it is slow', async () => {
  await createBoth('', '');
  const [one, ada] = await start(both[0]);
  const [other, bob] = await start(both[1]);
  expect(ada.id).toBe(bob.id);
  for (let round = 0; round < 3; round++) {
    for (const [person, name] of [
      [ada, 'of one'],
      [bob, 'of the other'],
    ] as const) {
      const [shown, status] = await names(person);
      expect(shown).toBe(name);
      if (round > 0) expect(status).toContain('detail=corrupt');
    }
  }
  expect(one.logLines.join('')).not.toContain(MARK);
  expect(other.logLines.join('')).toContain(MARK);
}, 60_000);

it('with a prefix each, they keep out of the way', async () => {
  await createBoth('one:', 'other:');
  const [one, ada] = await start(both[0]);
  const [other, bob] = await start(both[1]);
  await Promise.all([names(ada), names(bob)]);
  expect(await names(ada)).toEqual(['of one', HIT]);
  expect(await names(bob)).toEqual(['of the other', HIT]);
  expect(await both[0].redis.exists([`one:user_platforms:${ada.id}`, `other:user_platforms:${bob.id}`])).toBe(
    2,
  );
  expect([...one.logLines, ...other.logLines].join('')).not.toContain(MARK);
}, 60_000);
