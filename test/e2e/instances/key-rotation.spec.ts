import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { KeyRing } from '../../../src/crypto/key-ring.js';
import { KeyRotation } from '../../../src/keys/key-rotation.service.js';
import { RefreshTokenCipher } from '../../../src/platforms/refresh-token-cipher.js';
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
  await app.app.close();
  await backends.remove();
});

it('brings registrations at instances and refresh tokens under the first key too', async () => {
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
});
