import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { FernetKey } from '../../../src/crypto/fernet.js';
import { KeyRing } from '../../../src/crypto/key-ring.js';
import { PlatformSecrets } from '../../../src/platforms/platform-secrets.js';
import { type TestApp, startTestApp } from '../../support/app.js';
import {
  type Person,
  type PlatformInput,
  type PlatformJson,
  createPlatform,
  platformInput,
  register,
} from '../../support/factories.js';
import { expectProblem } from '../../support/problems.js';
import { reveal } from '../../support/reveal.js';

const CIPHERTEXTS = 'access_token, client_key, client_secret, key_id, seal';

describe('a row that is not as it was sealed', () => {
  let app: TestApp;
  let owner: Person;
  let input: PlatformInput;
  let id: number;
  let otherId: number;

  beforeAll(async () => {
    app = await startTestApp();
  });
  beforeEach(async () => {
    const { client, backends } = app;
    owner = await register(client, backends.secrets);
    input = platformInput(backends.secrets);
    ({ id } = await createPlatform(owner, backends.secrets, input));
    ({ id: otherId } = await createPlatform(owner, backends.secrets));
    await backends.settled();
  });
  afterAll(() => app.close());

  const sql = (text: string, values: readonly unknown[] = [id]) => app.backends.sql.query(text, [...values]);

  const swap = async () => {
    const rows = await app.backends.rows<Record<string, unknown>>(
      `SELECT ${CIPHERTEXTS} FROM platform_connections WHERE id IN ($1, $2) ORDER BY id DESC`,
      [id, otherId],
    );
    for (const [index, target] of [id, otherId].sort((a, b) => a - b).entries()) {
      await sql(`UPDATE platform_connections SET (${CIPHERTEXTS}) = ($2, $3, $4, $5, $6) WHERE id = $1`, [
        target,
        ...Object.values(rows[index] ?? {}),
      ]);
    }
  };
  const CHANGES: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['two rows have swapped ciphertexts and seals', swap],
    [
      'it points at another host',
      () => sql(`UPDATE platform_connections SET instance_url = 'https://evil.example' WHERE id = $1`),
    ],
    [
      'it names another account',
      () => sql(`UPDATE platform_connections SET username = 'mallory' WHERE id = $1`),
    ],
    [
      'its seal is truncated',
      () => sql('UPDATE platform_connections SET seal = left(seal, 42) WHERE id = $1'),
    ],
    ['its seal is empty', () => sql(`UPDATE platform_connections SET seal = '' WHERE id = $1`)],
    ['its seal is gone', () => sql('UPDATE platform_connections SET seal = NULL WHERE id = $1')],
    [
      'its key id is unknown',
      () => sql(`UPDATE platform_connections SET key_id = '0123456789abcdef' WHERE id = $1`),
    ],
    [
      'a ciphertext is damaged',
      () => sql(`UPDATE platform_connections SET client_key = client_key || 'A' WHERE id = $1`),
    ],
    [
      'a ciphertext is removed',
      () => sql('UPDATE platform_connections SET client_secret = NULL WHERE id = $1'),
    ],
    [
      'two of its ciphertexts are swapped',
      () =>
        sql(
          'UPDATE platform_connections SET client_key = client_secret, client_secret = client_key WHERE id = $1',
        ),
    ],
  ];

  /** Also the relay has dropped what it will: later it could drop what a test is about to look at. */
  const fresh = async (): Promise<void> => {
    await app.backends.settled();
    await owner.client.delete('/v1/platforms/cache');
  };
  const statusInList = async (person = owner) => {
    const list = (await person.client.get('/v1/platforms')).json<PlatformJson[]>();
    return list.find((platform) => platform.id === id)?.status;
  };
  const ciphertexts = async () =>
    Object.values(
      (
        await app.backends.rows<Record<string, string | null>>(
          `SELECT access_token, client_key, client_secret FROM platform_connections WHERE id = $1`,
          [id],
        )
      )[0] ?? {},
    ).filter((text) => text !== null);

  async function expectRefused(person = owner): Promise<void> {
    expect(await statusInList(person)).toBe('needs_reconnect');
    expect((await person.client.get(`/v1/platforms/${id}`)).json()).toMatchObject({
      status: 'needs_reconnect',
    });
    for (const expected of ['miss', 'hit']) {
      const answer = await reveal(person, id);
      expectProblem(answer, 409, 'needs_reconnect');
      expect({ expected, found: app.backends.secrets.foundIn(answer.text) }).toEqual({ expected, found: [] });
      for (const ciphertext of await ciphertexts()) expect(answer.text).not.toContain(ciphertext);
    }
    const trail = (await person.client.get(`/v1/platforms/${id}/audit`)).json<{
      entries: { action: string; outcome: string }[];
    }>();
    const reveals = trail.entries.filter(({ action }) => action === 'credentials.reveal');
    expect(reveals.map(({ outcome }) => outcome)).toEqual(['needs_reconnect', 'needs_reconnect']);
  }

  it.each(CHANGES)('is needs_reconnect and never given out when %s', async (_, change) => {
    await change();
    await fresh();
    await expectRefused();
  });

  it('is needs_reconnect for whoever it was moved to', async () => {
    const thief = await register(app.client, app.backends.secrets);
    await sql('UPDATE platform_connections SET user_id = $2, is_default = false WHERE id = $1', [
      id,
      thief.id,
    ]);
    await fresh();
    await expectRefused(thief);
    expectProblem(await reveal(owner, id), 404, 'platform_not_found');
  });

  it('is made good by new credentials, and its old ones cannot be carried to another host', async () => {
    await sql(`UPDATE platform_connections SET instance_url = 'https://evil.example' WHERE id = $1`);
    await fresh();
    const moved = await owner.client.patch(`/v1/platforms/${id}`, { instanceUrl: 'https://third.example' });
    expectProblem(moved, 400, 'validation_failed', ['/accessToken']);
    const accessToken = app.backends.secrets.make('new-token');
    const made = await owner.client.patch(`/v1/platforms/${id}`, { accessToken });
    expect(made.json()).toMatchObject({ status: 'unchecked' });
    expect((await reveal(owner, id)).json()).toMatchObject({
      accessToken,
      clientKey: null,
      clientSecret: null,
      instanceUrl: 'https://evil.example',
    });
  });

  it('is not made good by another username', async () => {
    await sql(`UPDATE platform_connections SET username = 'mallory' WHERE id = $1`);
    await fresh();
    expect((await owner.client.patch(`/v1/platforms/${id}`, { username: 'bob' })).status).toBe(200);
    expectProblem(await reveal(owner, id), 409, 'needs_reconnect');
  });

  it('is cached for a minute only: whether it can be opened depends on the keys of the process', async () => {
    await sql('UPDATE platform_connections SET seal = NULL WHERE id = $1');
    await fresh();
    await statusInList();
    await owner.client.get(`/v1/platforms/${id}`);
    for (const key of [`user_platforms:${owner.id}`, `platform:${id}`]) {
      const ttl = await app.backends.redis.ttl(key);
      expect(ttl).toBeGreaterThan(0);
      expect(ttl).toBeLessThanOrEqual(60);
    }
  });

  describe('in Redis', () => {
    type Entry = {
      instanceUrl: string;
      username: string;
      userId: number;
      credentials: Record<string, string | null>;
    };

    async function tamper(change: (entry: Entry, other: Entry) => unknown): Promise<void> {
      await reveal(owner, id);
      await reveal(owner, otherId);
      const read = async (key: number) =>
        JSON.parse((await app.backends.cached(`platform:${key}`)) ?? '') as Entry;
      const [entry, other] = [await read(id), await read(otherId)];
      change(entry, other);
      await app.backends.redis.set(`platform:${id}`, JSON.stringify(entry));
    }

    const TAMPERED: readonly (readonly [string, (entry: Entry, other: Entry) => unknown])[] = [
      ['ciphertexts and seal of another entry', (entry, other) => (entry.credentials = other.credentials)],
      ['another host', (entry) => (entry.instanceUrl = 'https://evil.example')],
      ['another username', (entry) => (entry.username = 'mallory')],
      ['a truncated seal', (entry) => (entry.credentials.seal = entry.credentials.seal?.slice(0, -1) ?? '')],
      ['no seal', (entry) => (entry.credentials.seal = null)],
      ['an unknown key id', (entry) => (entry.credentials.keyId = '0123456789abcdef')],
      ['a damaged ciphertext', (entry) => (entry.credentials.accessToken += 'A')],
    ];

    it.each(TAMPERED)('an entry with %s is removed and loaded anew', async (_, change) => {
      await tamper(change);
      const answer = await reveal(owner, id);
      expect(answer.cacheStatus).toBe('platform-manager; fwd=miss; stored; detail=corrupt');
      expect(answer.json()).toMatchObject({ accessToken: input.accessToken });
      expect((await reveal(owner, id)).cacheStatus).toBe('platform-manager; hit');
    });

    it('an entry that gives the connection to somebody else does not open for them', async () => {
      const thief = await register(app.client, app.backends.secrets);
      await tamper((entry) => (entry.userId = thief.id));
      expectProblem(await reveal(thief, id), 404, 'platform_not_found');
    });

    it('an entry that says needs_reconnect itself is not believed either', async () => {
      await tamper((entry, other) =>
        Object.assign(entry, { status: 'needs_reconnect', credentials: other.credentials }),
      );
      const answer = await reveal(owner, id);
      expect(answer.cacheStatus).toContain('detail=corrupt');
      expect(answer.json()).toMatchObject({ accessToken: input.accessToken });
    });
  });

  describe('imported without a seal', () => {
    const unsealed = async () =>
      (
        await app.backends.rows<{ id: number }>(
          'SELECT id FROM platform_connections WHERE seal IS NULL ORDER BY id',
        )
      ).map((row) => row.id);

    beforeEach(async () => {
      await sql('DELETE FROM platform_connections WHERE seal IS NULL', []);
      await sql('UPDATE platform_connections SET seal = NULL WHERE id = $1');
      await fresh();
    });

    it('is used while ALLOW_UNSEALED_ROWS is true, as far as it can be opened, and a broken seal never', async () => {
      const lenient = await startTestApp({ backends: app.backends, env: { ALLOW_UNSEALED_ROWS: 'true' } });
      const there = { ...owner, client: lenient.client.as(owner) };
      expect(await statusInList(there)).toBe('unchecked');
      expect((await reveal(there, id)).json()).toMatchObject({ accessToken: input.accessToken });
      expect(lenient.logLines.join('')).toContain('ALLOW_UNSEALED_ROWS is on');

      await sql(`UPDATE platform_connections SET access_token = 'not a token' WHERE id = $1`);
      await sql(`UPDATE platform_connections SET seal = 'broken' WHERE id = $1`, [otherId]);
      await there.client.delete('/v1/platforms/cache');
      expect(await statusInList(there)).toBe('needs_reconnect');
      for (const each of [id, otherId]) expectProblem(await reveal(there, each), 409, 'needs_reconnect');
      await lenient.app.close();
    });

    it('is refused by a process without the setting even where another one has cached it', async () => {
      const lenient = await startTestApp({ backends: app.backends, env: { ALLOW_UNSEALED_ROWS: 'true' } });
      await reveal({ ...owner, client: lenient.client.as(owner) }, id);
      await lenient.app.close();
      expectProblem(await reveal(owner, id), 409, 'needs_reconnect');
    });

    it('is sealed by credentials:seal where a key opens it, and otherwise left', async () => {
      const foreign = new KeyRing([FernetKey.parse(FernetKey.generate())]);
      await sql('UPDATE platform_connections SET seal = NULL, access_token = $2 WHERE id = $1', [
        otherId,
        foreign.encrypt('from elsewhere'),
      ]);
      const one = (headers = {}) => owner.client.get(`/v1/platforms/${id}`, headers);
      const before = await one();
      expect(before.json()).toMatchObject({ status: 'needs_reconnect' });
      const outcome = await app.app.get(PlatformSecrets).sealImported();
      // What is shown is another now: whoever keeps the old one and asks for news must be given it.
      expect((await one({ 'If-None-Match': before.header('etag') ?? '' })).json()).toMatchObject({
        status: 'unchecked',
      });
      expect(outcome).toEqual({ rewritten: 1, unreadable: [otherId], left: 1 });
      expect(await unsealed()).toEqual([otherId]);
      expect((await reveal(owner, id)).json()).toMatchObject({ accessToken: input.accessToken });
      expect(await statusInList()).toBe('unchecked');
      expectProblem(await reveal(owner, otherId), 409, 'needs_reconnect');
    });

    it('is not sealed when it has a seal that is broken', async () => {
      await sql(`UPDATE platform_connections SET seal = 'broken' WHERE id = $1`);
      await app.app.get(PlatformSecrets).sealImported();
      expectProblem(await reveal(owner, id), 409, 'needs_reconnect');
    });
  });
});
