import { unique } from '../../../support/factories.js';
import type { TestResponse } from '../../../support/http-client.js';
import { type Canary, NOWHERE } from '../canary.js';
import { type Calls, NO_KEY } from './call.js';

/** API keys, the proxy and the tools for assistants. */
export const workerCalls: Calls = {
  'POST /v1/api-keys': [
    ({ owner }, make) => owner.client.post('/v1/api-keys', { name: 'x', scopes: [make('scope')] }),
    ({ owner }, make) => owner.client.post('/v1/api-keys', { name: 'x', scopes: [], key: make('key') }),
    ({ owner }, make) =>
      owner.client.post('/v1/api-keys', {
        name: 'x',
        scopes: ['platforms:read'],
        policy: { addresses: [make('address')] },
      }),
  ],
  'GET /v1/api-keys': [({ owner }) => owner.client.get('/v1/api-keys')],
  'DELETE /v1/api-keys/{id}': [
    async ({ app, owner }) => {
      const scopes = ['platforms:read'];
      const made = await owner.client.post('/v1/api-keys', { name: unique(), scopes });
      const { id, key } = made.status === 201 ? made.json<{ id: number; key: string }>() : NO_KEY;
      const worker = app.client.as({ accessToken: key });
      await worker.get('/v1/platforms');
      await worker.get('/v1/me');
      await owner.client.delete(`/v1/api-keys/${id}`);
      return worker.get('/v1/platforms');
    },
  ],
  'POST /mcp': [
    ({ owner }) => owner.client.post('/mcp', { jsonrpc: '2.0', id: 1, method: 'tools/list' }),
    ({ owner, platformId }, make) =>
      owner.client.post('/mcp', {
        ...{ jsonrpc: '2.0', id: 1, method: 'tools/call' },
        params: {
          name: 'send_request',
          arguments: { id: platformId, path: `/api/v1/accounts/verify_credentials?x=${make('in-a-path')}` },
        },
      }),
    ({ owner }, make) => owner.client.post('/mcp', { method: make('method') }),
  ],
  'HEAD /v1/platforms/{id}/proxy/{path}': [(canary) => proxied(canary, 'HEAD')],
  'GET /v1/platforms/{id}/proxy/{path}': [
    ({ owner, platformId }) => owner.client.get(`/v1/platforms/${platformId}/proxy/nodeinfo/2.0`),
    ({ owner, platformId }, make) =>
      owner.client.get(`/v1/platforms/${platformId}/proxy/nodeinfo/2.0?token=${make('in-the-query')}`, {
        Cookie: make('cookie'),
        'X-Api-Key': make('key'),
      }),
    ({ owner }) => owner.client.get(`/v1/platforms/${NOWHERE}/proxy/nodeinfo/2.0`),
  ],
  'POST /v1/platforms/{id}/proxy/{path}': [
    (canary, make) => proxied(canary, 'POST', { status: make('status') }),
    ({ owner, platformId }, make) =>
      owner.client.post(`/v1/platforms/${platformId}/proxy/nodeinfo/2.0`, { status: make('status') }),
  ],
  'PUT /v1/platforms/{id}/proxy/{path}': [
    (canary, make) => proxied(canary, 'PUT', { status: make('status') }),
  ],
  'PATCH /v1/platforms/{id}/proxy/{path}': [
    (canary, make) => proxied(canary, 'PATCH', { status: make('status') }),
  ],
  'DELETE /v1/platforms/{id}/proxy/{path}': [(canary) => proxied(canary, 'DELETE')],
};

/** With a key that may write, which goes afterwards. */
async function proxied(
  { app, owner, platformId }: Canary,
  method: string,
  body?: unknown,
): Promise<TestResponse> {
  const made = await owner.client.post('/v1/api-keys', {
    name: unique(),
    scopes: ['platforms:use'],
    policy: { methods: [method] },
  });
  const { id, key } = made.status === 201 ? made.json<{ id: number; key: string }>() : NO_KEY;
  const worker = app.client.as({ accessToken: key });
  const answer = await worker.request(method, `/v1/platforms/${platformId}/proxy/nodeinfo/2.0`, { body });
  await owner.client.delete(`/v1/api-keys/${id}`);
  return answer;
}
