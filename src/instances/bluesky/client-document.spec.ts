import { expect, it } from '@jest/globals';
import { clientDocument } from './client-document.js';

const CALLBACK = '/v1/connect/callback/bluesky';

it.each([
  ['http://localhost:3000', 'http://127.0.0.1:3000'],
  ['http://127.0.0.1:3000/base', 'http://127.0.0.1:3000/base'],
  ['http://[::1]:3000', 'http://[::1]:3000'],
  ['http://localhost', 'http://127.0.0.1'],
])('on a developer’s machine, %s, the loopback client comes back to an address', (publicUrl, at) => {
  const document = clientDocument(publicUrl, CALLBACK);
  expect(document).toMatchObject({
    redirect_uris: [`${at}${CALLBACK}`],
    application_type: 'native',
    token_endpoint_auth_method: 'none',
  });
  const { origin, searchParams } = new URL(document?.client_id ?? '');
  expect([origin, [...searchParams.entries()]]).toEqual([
    'http://localhost',
    [
      ['scope', 'atproto transition:generic'],
      ['redirect_uri', `${at}${CALLBACK}`],
    ],
  ]);
  expect(document).not.toHaveProperty('jwks_uri');
});

it('over https the document is found under the public URL, with its base path', () => {
  expect(clientDocument('https://example.org/manager', CALLBACK)).toMatchObject({
    client_id: 'https://example.org/manager/v1/connect/bluesky/client-metadata.json',
    redirect_uris: [`https://example.org/manager${CALLBACK}`],
    jwks_uri: 'https://example.org/manager/v1/connect/bluesky/jwks.json',
  });
});

it.each([
  'http://example.org',
  'http://192.168.1.5:3000',
  'https://localhost',
  'https://192.0.2.1',
  'https://nas.local',
])('there is no client at %s', (publicUrl) => {
  expect(clientDocument(publicUrl, CALLBACK)).toBeNull();
});
