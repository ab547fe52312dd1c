import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { KeyRotation } from '../../../src/keys/key-rotation.js';
import { Backends } from '../../support/backends.js';
import { BlueskyNetwork } from '../../support/fake-instance/bluesky-network.js';
import { type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import type { FakeBluesky } from '../../support/fake-instance/fake-bluesky.js';
import { comeBack, finishAttempt } from '../../support/fake-instance/oauth-steps.js';

const PUBLIC = 'https://manager.example.org';
const METADATA = '/v1/connect/bluesky/client-metadata.json';
const JWKS = '/v1/connect/bluesky/jwks.json';
const silent = { started: () => undefined, advanced: () => undefined, finished: () => undefined };

let backends: Backends;
let network: BlueskyNetwork;
let server: FakeBluesky;
let apps: ConnectApp[];

const options = () => ({ backends, allowlist: network.allowlist });
const first = (): ConnectApp => apps[0] as ConnectApp;

beforeAll(async () => {
  network = await BlueskyNetwork.start();
  backends = await Backends.create();
  server = await network.server();
  const env = { ...network.env, PUBLIC_URL: PUBLIC };
  apps = [await startConnectApp({ ...options(), env }), await startConnectApp({ ...options(), env })];
  // As a proxy that ends TLS: servers know the public address alone.
  server.oauth.fetchDocument = async (url) => {
    expect(url.startsWith(`${PUBLIC}/`)).toBe(true);
    return (await first().stranger().send('GET', url.slice(PUBLIC.length))).body;
  };
});
afterAll(async () => {
  await first().expectCleanRecord();
  for (const app of apps) await app.close();
  await backends.remove();
  await network.close();
});

it('publishes its document and its key, the same one in every process that is asked at once', async () => {
  const answers = await Promise.all(
    [...apps, ...apps].map(async (app) => (await app.stranger().send('GET', JWKS)).body),
  );
  expect(answers).toEqual(answers.map(() => answers[0]));
  expect(answers[0]).toEqual({
    keys: [
      {
        ...{ kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig' },
        ...{ x: expect.any(String), y: expect.any(String), kid: expect.any(String) },
      },
    ],
  });
  const document = await first().stranger().send('GET', METADATA);
  expect(document.headers.get('cache-control')).toBe('public, max-age=300');
  expect(document.body).toEqual({
    client_id: `${PUBLIC}${METADATA}`,
    client_name: 'Platform Manager',
    client_uri: PUBLIC,
    redirect_uris: [`${PUBLIC}/v1/connect/callback/bluesky`],
    scope: 'atproto transition:generic',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    application_type: 'web',
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256',
    dpop_bound_access_tokens: true,
    jwks_uri: `${PUBLIC}${JWKS}`,
  });
});

it('without https, or a public name, it publishes nothing and connects nothing', async () => {
  for (const publicUrl of ['http://manager.example.org', 'https://192.0.2.1']) {
    const app = await startConnectApp({ ...options(), env: { ...network.env, PUBLIC_URL: publicUrl } });
    for (const path of [METADATA, JWKS]) expect((await app.stranger().send('GET', path)).status).toBe(404);
    const caller = await app.signUp();
    const refused = await caller.send('POST', '/v1/connect', { instance: network.person(server).handle });
    expect([refused.status, refused.body.code]).toEqual([400, 'https_required']);
    await app.close();
  }
});

it('authenticates by that key, and its sessions outlive a rotation of the keys that encrypt', async () => {
  const caller = await first().signUp();
  const person = network.person(server);
  const begun = await caller.send('POST', '/v1/connect', { instance: person.handle });
  const consent = await caller.send('GET', String(begun.body.authorizationUrl));
  const callback = consent.headers.get('location') ?? '';
  expect(callback.startsWith(`${PUBLIC}/v1/connect/callback/bluesky?`)).toBe(true);
  const back = await comeBack(caller, { callback: callback.slice(PUBLIC.length) });
  const done = await finishAttempt(caller, String(back.body.attempt));
  expect(done).toMatchObject({ status: 200, body: { outcome: 'connected' } });
  expect(new Set(server.oauth.methods)).toEqual(new Set(['private_key_jwt']));

  const key = `${randomBytes(32).toString('base64url')}=`;
  const env = { ...network.env, PUBLIC_URL: PUBLIC };
  const both = { ...env, PLATFORM_ENCRYPTION_KEY: `${key},${backends.encryptionKey}` };
  const rotating = await startConnectApp({ ...options(), env: both });
  const outcomes = await rotating.app.get(KeyRotation).rotate(silent);
  await rotating.close();
  expect(outcomes.filter(({ complete }) => !complete)).toEqual([]);
  const rotated = await startConnectApp({ ...options(), env: { ...env, PLATFORM_ENCRYPTION_KEY: key } });
  const id = Number(done.body.platformId);
  await backends.rows('UPDATE platform_connections SET token_expires_at = now() WHERE id = $1', [id]);
  server.oauth.expireTokens(person.did);
  const tested = await caller.at(rotated.baseUrl).send('POST', `/v1/platforms/${id}/test`);
  expect(tested.body).toMatchObject({ outcome: 'connected' });
  expect((await rotated.stranger().send('GET', JWKS)).body).toEqual(
    (await first().stranger().send('GET', JWKS)).body,
  );
  await rotated.close();
});
