import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Clock } from '../../../src/common/clock.js';
import { newSecret } from '../../../src/common/secrets.js';
import { callbackKey } from '../../../src/connect/callback.js';
import { ConnectAttempts } from '../../../src/connect/connect-attempts.js';
import { AttemptNotFound } from '../../../src/connect/connect.errors.js';
import { RefreshTokenCipher } from '../../../src/credentials/refresh-token-cipher.js';
import { KeyRing } from '../../../src/crypto/key-ring.js';
import { Database } from '../../../src/database/database.js';
import { BlueskyOAuth } from '../../../src/instances/bluesky/bluesky-oauth.js';
import { KeyRotation } from '../../../src/keys/key-rotation.js';
import { startTestApp, type TestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { insertUsers } from '../../support/insert-users.js';

const INSTANCE_URL = 'https://mastodon.example';
const silent = { started: () => undefined, advanced: () => undefined, finished: () => undefined };

let backends: Backends;
let app: TestApp;
const newKey = `${randomBytes(32).toString('base64url')}=`;

beforeAll(async () => {
  backends = await Backends.create();
  const before = await startTestApp({ backends });
  await before.app.close();
  app = await startTestApp({
    backends,
    env: { PLATFORM_ENCRYPTION_KEY: `${newKey},${backends.encryptionKey}` },
  });
}, 120_000);

afterAll(async () => {
  await app.expectCleanRecord();
  await app.app.close();
  await backends.remove();
});

it('brings registrations at instances and refresh tokens under the first key too, and shows no new version', async () => {
  const old = KeyRing.parse(backends.encryptionKey);
  const secret = JSON.stringify([INSTANCE_URL, 'client', backends.secrets.make('client-secret')]);
  await backends.rows(
    `INSERT INTO instance_apps (origin, redirect_uri, scopes, client_id, client_secret, key_id)
     VALUES ($1, 'https://here.example/callback', 'read', 'client', $2, $3)`,
    [INSTANCE_URL, old.encrypt(secret), old.primaryKeyId],
  );
  const [user] = await insertUsers(backends, 1);
  const owner = { userId: user?.id ?? 0, id: user?.platformId ?? 0, instanceUrl: INSTANCE_URL };
  const refreshToken = backends.secrets.make('refresh-token');
  await backends.rows('UPDATE platform_connections SET refresh_token = $2 WHERE id = $1', [
    owner.id,
    new RefreshTokenCipher(old).encrypt(owner, refreshToken),
  ]);
  const shown = () =>
    backends.rows('SELECT version, updated_at FROM platform_connections WHERE id = $1', [owner.id]);
  const before = await shown();

  const outcomes = await app.app.get(KeyRotation).rotate(silent);

  expect(outcomes.map(({ what, rewritten, complete }) => [what, rewritten, complete])).toEqual(
    expect.arrayContaining([
      ['registrations at instances', 1, true],
      ['platform connections', 1, true],
    ]),
  );
  const onlyNew = KeyRing.parse(newKey);
  const [registration] = await backends.rows<{ client_secret: string; key_id: string }>(
    'SELECT client_secret, key_id FROM instance_apps',
  );
  expect(onlyNew.decrypt(registration?.client_secret ?? '')).toBe(secret);
  expect(registration?.key_id).toBe(onlyNew.primaryKeyId);
  const [row] = await backends.rows<{ refresh_token: string }>(
    'SELECT refresh_token FROM platform_connections WHERE id = $1',
    [owner.id],
  );
  expect(new RefreshTokenCipher(onlyNew).decrypt(owner, row?.refresh_token ?? '')).toBe(refreshToken);
  expect(await shown()).toEqual(before);
});

it('lets an attempt to connect, begun under a key that has left since, be begun again', async () => {
  const [user] = await insertUsers(backends, 1);
  const userId = user?.id ?? 0;
  const under = (keys: string) =>
    new ConnectAttempts(
      app.app.get(Database),
      KeyRing.parse(keys),
      app.app.get(Clock),
      app.app.get(BlueskyOAuth),
    );
  const attempt = {
    userId,
    origin: INSTANCE_URL,
    clientId: 'client',
    clientSecret: null,
    forceLogin: false,
    labels: {},
    verifier: backends.secrets.make('verifier'),
    name: null,
    linkId: null,
    returnTo: null,
  };
  const code = backends.secrets.make('code');
  const begun = async (keys: string): Promise<string> => {
    const state = await under(backends.encryptionKey).begin(attempt, newSecret());
    const callback = { key: callbackKey(INSTANCE_URL), state, iss: null, code, error: null };
    return (await under(keys).receive(callback)).attempt ?? '';
  };
  const both = `${newKey},${backends.encryptionKey}`;
  expect(await under(both).take(await begun(both), userId, [])).toMatchObject({ code });
  for (const keys of [both, backends.encryptionKey])
    await expect(under(newKey).take(await begun(keys), userId, [])).rejects.toBeInstanceOf(AttemptNotFound);
});
